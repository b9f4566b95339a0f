#include <saorsa/gossip.h>
#include <stdio.h>

int main(void)
{
    struct sg_node_config config;
    struct sg_node *alice, *bob;
    struct sg_subscription *inbox;
    struct sg_message *message;
    struct sg_topic_id topic;
    char address[64];
    const char *seeds[] = {address};

    sg_node_config_init(&config); /* without state_dir the identities live in memory */
    config.listen = "127.0.0.1:0";
    if (sg_topic_from_name("greetings", &topic) || sg_node_new(&config, &alice, NULL, 0) ||
        sg_node_start(alice) || sg_subscribe(alice, &topic, NULL, &inbox))
        return 1;
    sg_node_address(alice, address, sizeof(address));
    config.seeds = seeds;
    config.seed_count = 1;
    if (sg_node_new(&config, &bob, NULL, 0) || sg_node_start(bob) ||
        sg_publish(bob, &topic, (struct sg_bytes){(const uint8_t *)"hello", 5}, NULL) ||
        sg_subscription_next(inbox, 10000, &message))
        return 1;
    printf("%.*s, after %u hop\n", (int)message->len, (const char *)message->payload,
           (unsigned)message->hops);
    sg_message_free(message);
    sg_node_free(bob);
    sg_node_free(alice);
    return 0;
}

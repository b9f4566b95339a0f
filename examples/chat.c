/* A chat in the terminal: a node that the program drives itself, beside its own poll loop.
 *
 *     ./chat room                       the first one prints its address
 *     ./chat room 192.0.2.1:4433        others join through anybody they know
 *
 * Each line typed is a message; end with Ctrl-D. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <saorsa/gossip.h>

static void show(struct sg_subscription *room)
{
    struct sg_message *message;
    while (sg_subscription_next(room, 0, &message) == SG_OK) {
        char author[SG_ID_TEXT_LEN + 1];
        sg_id_to_text(message->author.b, author);
        printf("%.6s: %.*s\n", author, (int)message->len, (const char *)message->payload);
        sg_message_free(message);
    }
}

static void show_events(struct sg_node *node)
{
    struct sg_event event;
    while (sg_node_next_event(node, 0, &event) == SG_OK) {
        if (event.kind == SG_EVENT_JOINED)
            printf("* joined\n");
        else if (event.kind == SG_EVENT_ISOLATED)
            printf("* alone\n");
        else if (event.text[0] != 0)
            printf("* %s\n", event.text);
    }
}

/* A line from the terminal to everybody; false at its end. */
static int say(struct sg_node *node, const struct sg_topic_id *topic)
{
    char line[1024];
    ssize_t len = read(STDIN_FILENO, line, sizeof line);
    if (len <= 0)
        return 0;
    while (len > 0 && line[len - 1] == '\n')
        len--;
    struct sg_bytes payload = {(const uint8_t *)line, (size_t)len};
    sg_err err = len > 0 ? sg_publish(node, topic, payload, NULL) : SG_OK;
    if (err != SG_OK)
        printf("* not sent: %s\n", sg_err_text(err));
    return 1;
}

int main(int argc, char **argv)
{
    struct sg_node_config config;
    struct sg_node *node;
    struct sg_subscription *room;
    struct sg_topic_id topic;
    char text[200];

    if (argc < 2 || sg_topic_from_name(argv[1], &topic) != SG_OK) {
        fprintf(stderr, "usage: chat ROOM [HOST:PORT]\n");
        return 2;
    }
    sg_node_config_init(&config);
    config.seeds = (const char *const *)argv + 2;
    config.seed_count = (size_t)argc - 2;
    if (sg_node_new(&config, &node, text, sizeof text) != SG_OK) {
        fprintf(stderr, "chat: %s\n", text);
        return 1;
    }
    if (sg_subscribe(node, &topic, NULL, &room) != SG_OK) {
        sg_node_free(node);
        return 1;
    }
    sg_node_address(node, text, sizeof text);
    printf("* listening on %s\n", text);
    for (int goes_on = 1; goes_on;) {
        struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = sg_node_fd(node), .events = POLLIN}};
        fflush(stdout);
        (void)poll(p, 2, sg_node_deadline_ms(node));
        if (sg_node_drive(node) != SG_OK)
            break;
        show_events(node);
        show(room);
        if (p[0].revents != 0)
            goes_on = say(node, &topic);
    }
    sg_node_free(node); /* says goodbye, and takes the subscription along */
    return 0;
}

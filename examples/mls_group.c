/* Alice makes a group, Bob joins by his key package, both talk, Alice takes Bob out. */
#include <saorsa/mls.h>
#include <stdio.h>
#include <string.h>

static struct sg_bytes bytes(const struct sg_mls_blob *blob)
{
    return (struct sg_bytes){blob->data, blob->len};
}

static struct sg_bytes text(const char *s)
{
    return (struct sg_bytes){(const uint8_t *)s, strlen(s)};
}

static struct sg_mls_client *client_of(const char *name)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *client = NULL;
    sg_mls_client_config_init(&config);
    config.identity = text(name);
    return sg_mls_client_new(&config, &client) == SG_OK ? client : NULL;
}

/* Bob joins Alice's group. */
static sg_err invite(struct sg_mls_member *alice, struct sg_mls_client *bob,
                     struct sg_mls_member **joined)
{
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    sg_err err = sg_mls_client_package(bob, NULL, &package, &secret);
    if (err != SG_OK)
        return err;
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    err = sg_mls_member_commit(alice, &request, &output);
    if (err == SG_OK) {
        /* here the commit would go to the members; alone, Alice accepts it herself */
        err = sg_mls_member_accept(alice);
        struct sg_mls_join_request join = {.welcome = bytes(&output.welcome),
                                           .secret = bytes(&secret)};
        if (err == SG_OK)
            err = sg_mls_member_join(bob, &join, joined);
        sg_mls_commit_output_free(&output);
    }
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    return err;
}

static sg_err say(struct sg_mls_member *from, struct sg_mls_member *to, const char *what)
{
    struct sg_mls_blob message;
    struct sg_mls_received received;
    sg_err err = sg_mls_member_protect(from, text(what), text(""), &message);
    if (err != SG_OK)
        return err;
    err = sg_mls_member_receive(to, bytes(&message), &received);
    if (err == SG_OK) {
        struct sg_mls_leaf_info sender;
        err = sg_mls_member_leaf(to, received.sender, &sender);
        if (err == SG_OK)
            printf("%.*s: %.*s\n", (int)sender.credential.len, (const char *)sender.credential.data,
                   (int)received.data.len, (const char *)received.data.data);
        sg_mls_received_free(&received);
    }
    sg_mls_blob_free(&message);
    return err;
}

static sg_err take_out(struct sg_mls_member *alice, struct sg_mls_member *bob)
{
    struct sg_mls_state_info state;
    struct sg_mls_commit_output output;
    struct sg_mls_received received;
    sg_mls_member_state(bob, &state);
    struct sg_mls_commit_request request = {.remove = &state.own_leaf, .remove_count = 1};
    sg_err err = sg_mls_member_commit(alice, &request, &output);
    if (err != SG_OK)
        return err;
    err = sg_mls_member_receive(bob, bytes(&output.commit), &received);
    if (err == SG_OK && received.got == SG_MLS_GOT_REMOVED)
        printf("Bob is out\n");
    if (err == SG_OK)
        sg_mls_received_free(&received);
    sg_mls_commit_output_free(&output);
    return err == SG_OK ? sg_mls_member_accept(alice) : err;
}

int main(void)
{
    struct sg_mls_client *alice_client = client_of("Alice"), *bob_client = client_of("Bob");
    struct sg_mls_member *alice = NULL, *bob = NULL;
    sg_err err = SG_ERR_INVALID_STATE;
    if (alice_client != NULL && bob_client != NULL)
        err = sg_mls_member_create(alice_client, text("garden"), &alice);
    if (err == SG_OK)
        err = invite(alice, bob_client, &bob);
    if (err == SG_OK)
        err = say(bob, alice, "hello");
    if (err == SG_OK)
        err = say(alice, bob, "welcome");
    if (err == SG_OK)
        err = take_out(alice, bob);
    if (err != SG_OK)
        fprintf(stderr, "mls_group: %s\n", sg_err_text(err));
    sg_mls_member_free(bob);
    sg_mls_member_free(alice);
    sg_mls_client_free(bob_client);
    sg_mls_client_free(alice_client);
    return err != SG_OK;
}

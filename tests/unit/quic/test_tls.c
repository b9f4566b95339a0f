/* Who is let in, who is not, and what both ends agree on. */
#include "unit/quic/raw_client.h"

static void wrong_peer_is_refused(void **state)
{
    (void)state;
    struct net net;
    struct sg_peer_id other;
    sg_quic_conn_id conn;
    net_init(&net, 10 * MS, 1);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    other = *sg_identity_peer_id(b->identity);
    other.b[31] ^= 1;
    struct sg_quic_dial dial = {.remote = b->addr, .expected = &other};
    assert_int_equal(sg_quic_dial(a->ep, net.now, &dial, &conn), SG_OK);
    net_run(&net, 3000 * MS);
    const struct logged *failed = host_last(a, SG_QUIC_DIAL_FAILED);
    assert_non_null(failed);
    assert_int_equal(failed->event.dial_failed.err, SG_ERR_WRONG_PEER);
    assert_true(failed->event.dial_failed.answered);
    assert_int_equal(a->logged, 1);
    assert_int_equal(host_stats(a).failed_wrong_peer, 1);
    assert_int_equal(b->logged, 0);
    assert_int_equal(host_stats(b).failed_auth, 1);
    assert_int_equal(host_stats(b).connections_live, 0);
    net_fini(&net);
}

/* A client that must not get in; what the server counted, and the alert that it sent. */
static struct sg_quic_stats refused(const struct raw_options *options, unsigned alert)
{
    struct net net;
    struct raw_client client;
    net_init(&net, 10 * MS, 2);
    struct host *b = net_add_endpoint(&net, NULL);
    struct host *other = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, options, sg_identity_evp(other->identity));
    net_run(&net, 6000 * MS);
    assert_true(client.failed);
    assert_int_equal(raw_close_code(&client, false), NGTCP2_CRYPTO_ERROR + alert);
    assert_int_equal(b->logged, 0);
    struct sg_quic_stats stats = host_stats(b);
    assert_int_equal(stats.handshakes_done, 0);
    assert_int_equal(stats.handshakes_failed, 1);
    assert_int_equal(stats.tls_live, 0);
    assert_int_equal(stats.half_open, 0);
    raw_free(&client);
    net_fini(&net);
    return stats;
}

static void raw_client_with_the_right_key_gets_in(void **state)
{
    (void)state;
    struct net net;
    struct raw_client client;
    struct raw_options options = {.key = RAW_KEY_RPK};
    net_init(&net, 10 * MS, 3);
    struct host *b = net_add_endpoint(&net, NULL);
    struct host *other = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, &options, sg_identity_evp(other->identity));
    net_run(&net, 1000 * MS);
    assert_true(client.completed);
    assert_int_equal(host_count(b, SG_QUIC_CONNECTED), 1);
    assert_memory_equal(&host_last(b, SG_QUIC_CONNECTED)->event.connected.peer,
                        sg_identity_peer_id(other->identity), SG_ID_LEN);
    raw_free(&client);
    net_fini(&net);
}

static void client_without_key_is_refused(void **state)
{
    (void)state;
    struct raw_options options = {.key = RAW_KEY_NONE};
    assert_int_equal(refused(&options, 116).failed_auth, 1); /* certificate_required */
}

static void client_with_certificate_is_refused(void **state)
{
    (void)state;
    struct raw_options options = {.key = RAW_KEY_X509};
    assert_int_equal(refused(&options, 42).failed_auth, 1); /* bad_certificate */
}

/* What it gets is no certificate that anybody could read: it gives up by itself. */
static void client_that_wants_a_certificate_does_not_get_in(void **state)
{
    (void)state;
    struct net net;
    struct raw_client client;
    struct raw_options options = {.key = RAW_KEY_RPK, .x509_server = true};
    net_init(&net, 10 * MS, 3);
    struct host *b = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, &options, sg_identity_evp(b->identity));
    net_run(&net, 6000 * MS);
    assert_int_equal(client.error, NGTCP2_ERR_CRYPTO);
    assert_int_equal(b->logged, 0);
    assert_int_equal(host_stats(b).handshakes_done, 0);
    assert_int_equal(host_stats(b).tls_live, 0);
    raw_free(&client);
    net_fini(&net);
}

static void client_with_classical_key_is_refused(void **state)
{
    (void)state;
    struct raw_options options = {.key = RAW_KEY_ED25519};
    assert_int_equal(refused(&options, 116).failed_auth, 1);
}

static void client_with_classical_group_is_refused(void **state)
{
    (void)state;
    struct raw_options x25519 = {.key = RAW_KEY_RPK, .groups = "X25519"};
    struct raw_options hybrid = {.key = RAW_KEY_RPK, .groups = "X25519MLKEM768"};
    assert_int_equal(refused(&x25519, 40).failed_profile, 1); /* handshake_failure */
    assert_int_equal(refused(&hybrid, 40).failed_profile, 1);
}

static void client_with_other_protocol_is_refused(void **state)
{
    (void)state;
    struct raw_options other = {.key = RAW_KEY_RPK, .alpn = "\x08saorsa/2\x02h3"};
    assert_int_equal(refused(&other, 120).failed_version, 1); /* no_application_protocol */
}

static void finds_its_protocol_among_others(void **state)
{
    (void)state;
    struct net net;
    struct raw_client client;
    struct raw_options options = {.key = RAW_KEY_RPK, .alpn = "\x02h3\x08saorsa/1\x01x"};
    net_init(&net, 10 * MS, 3);
    struct host *b = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, &options, sg_identity_evp(b->identity));
    net_run(&net, 1000 * MS);
    assert_true(client.completed);
    assert_int_equal(host_count(b, SG_QUIC_CONNECTED), 1);
    raw_free(&client);
    net_fini(&net);
}

static void exporters_agree(void **state)
{
    (void)state;
    struct net net;
    uint8_t one[SG_QUIC_EXPORTER_LEN], two[SG_QUIC_EXPORTER_LEN], three[SG_QUIC_EXPORTER_LEN];
    net_init(&net, 10 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = host_dial(a, b);
    assert_int_equal(sg_quic_exporter(a->ep, conn, one), SG_ERR_INVALID_STATE);
    net_run(&net, 500 * MS);
    assert_int_equal(sg_quic_exporter(a->ep, conn, one), SG_OK);
    assert_int_equal(sg_quic_exporter(b->ep, host_conn(b), two), SG_OK);
    assert_memory_equal(one, two, sizeof(one));
    sg_quic_conn_id again = net_connect(&net, a, b);
    assert_int_equal(sg_quic_exporter(a->ep, again, three), SG_OK);
    assert_memory_not_equal(one, three, sizeof(one));
    assert_int_equal(sg_quic_exporter(a->ep, 12345, three), SG_ERR_NOT_FOUND);
    net_fini(&net);
}

static void tls_objects_go_after_confirmation(void **state)
{
    (void)state;
    struct net net;
    net_init(&net, 25 * MS, 5);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    host_dial(a, b);
    assert_int_equal(host_stats(a).tls_live, 1);
    net_run(&net, 60 * MS);
    assert_int_equal(host_count(a, SG_QUIC_CONNECTED), 1);
    assert_int_equal(host_stats(a).tls_live, 1); /* complete, not confirmed */
    assert_int_equal(host_stats(b).tls_live, 1);
    net_run(&net, 16 * MS);
    assert_int_equal(host_count(b, SG_QUIC_CONNECTED), 1);
    assert_int_equal(host_stats(b).tls_live, 0);
    net_run(&net, 25 * MS);
    assert_int_equal(host_stats(a).tls_live, 0);
    assert_int_equal(host_stats(a).tls_created, 1);
    assert_int_equal(host_stats(b).tls_created, 1);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_peer_is_refused),
        cmocka_unit_test(raw_client_with_the_right_key_gets_in),
        cmocka_unit_test(client_without_key_is_refused),
        cmocka_unit_test(client_with_certificate_is_refused),
        cmocka_unit_test(client_that_wants_a_certificate_does_not_get_in),
        cmocka_unit_test(client_with_classical_key_is_refused),
        cmocka_unit_test(client_with_classical_group_is_refused),
        cmocka_unit_test(client_with_other_protocol_is_refused),
        cmocka_unit_test(finds_its_protocol_among_others),
        cmocka_unit_test(exporters_agree),
        cmocka_unit_test(tls_objects_go_after_confirmation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A QUIC client made by hand from ngtcp2 and OpenSSL, for what our own endpoint never does: other
 * keys, groups and protocols, and streams with any bytes. It is a host of link.h. */
#ifndef TEST_QUIC_RAW_CLIENT_H
#define TEST_QUIC_RAW_CLIENT_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "crypto/identity_evp.h"
#include "unit/quic/link.h"

enum raw_key { RAW_KEY_NONE, RAW_KEY_RPK, RAW_KEY_X509, RAW_KEY_ED25519 };

struct raw_options {
    enum raw_key key;
    const char *groups; /* NULL: MLKEM768 */
    const char *alpn;   /* wire form; NULL: "\x08saorsa/1" */
    bool x509_server;   /* asks the server for a certificate */
};

/* What to send on a stream of our own, once connected. */
struct raw_stream {
    int64_t id; /* -1: not opened */
    const uint8_t *data;
    size_t len;
    size_t sent;
    bool fin;
    bool reset; /* RESET_STREAM after data was sent */
};

#define RAW_STREAMS 20

struct raw_client {
    ngtcp2_crypto_conn_ref ref;
    ngtcp2_conn *nc;
    ngtcp2_crypto_ossl_ctx *octx;
    SSL_CTX *ctx;
    SSL *ssl;
    struct sg_addr remote;
    struct sockaddr_storage local_sa, remote_sa;
    ngtcp2_path path;
    bool completed;
    bool failed; /* by our own error or because the peer closed */
    int error;   /* of ngtcp2 */
    struct raw_stream streams[RAW_STREAMS];
    size_t stream_count;
    uint64_t stop_stream; /* + 1: STOP_SENDING for this stream of the peer */
    bool acks_nothing;
};

static inline ngtcp2_conn *raw_get_conn(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct raw_client *)ref->user_data)->nc;
}

static inline void raw_rand(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
    (void)ctx;
    RAND_bytes(dest, (int)len);
}

static inline int raw_new_cid(ngtcp2_conn *nc, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token,
                              size_t len, void *user)
{
    (void)nc;
    (void)user;
    RAND_bytes(cid->data, (int)len);
    cid->datalen = len;
    RAND_bytes(token->data, sizeof(token->data));
    return 0;
}

static inline int raw_completed(ngtcp2_conn *nc, void *user)
{
    struct raw_client *c = user;
    (void)nc;
    c->completed = true;
    return 0;
}

static inline int raw_verify(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static inline X509 *raw_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, NULL) > 0);
    return x;
}

static inline void raw_tls(struct raw_client *c, const struct raw_options *o, EVP_PKEY *key)
{
    static const unsigned char rpk[] = {TLSEXT_cert_type_rpk};
    c->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(c->ctx);
    SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION);
    assert_int_equal(SSL_CTX_set1_groups_list(c->ctx, o->groups ? o->groups : "MLKEM768"), 1);
    assert_int_equal(SSL_CTX_set1_sigalgs_list(c->ctx, o->key == RAW_KEY_ED25519 ? "ed25519:mldsa65"
                                                                                 : "mldsa65"),
                     1);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(c->ctx, raw_verify, NULL);
    if (!o->x509_server)
        SSL_CTX_set1_server_cert_type(c->ctx, rpk, sizeof(rpk));
    if (o->key == RAW_KEY_RPK || o->key == RAW_KEY_ED25519) {
        EVP_PKEY *own = o->key == RAW_KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : key;
        SSL_CTX_set1_client_cert_type(c->ctx, rpk, sizeof(rpk));
        assert_int_equal(SSL_CTX_use_PrivateKey(c->ctx, own), 1);
        if (own != key)
            EVP_PKEY_free(own);
    } else if (o->key == RAW_KEY_X509) {
        X509 *x = raw_certificate(key);
        assert_int_equal(SSL_CTX_use_certificate(c->ctx, x), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(c->ctx, key), 1);
        X509_free(x);
    } else {
        SSL_CTX_set1_client_cert_type(c->ctx, rpk, sizeof(rpk));
    }
    const char *alpn = o->alpn != NULL ? o->alpn : "\x08saorsa/1";
    assert_int_equal(
        SSL_CTX_set_alpn_protos(c->ctx, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    c->ssl = SSL_new(c->ctx);
    c->ref = (ngtcp2_crypto_conn_ref){.get_conn = raw_get_conn, .user_data = c};
    SSL_set_app_data(c->ssl, &c->ref);
    SSL_set_connect_state(c->ssl);
    assert_int_equal(ngtcp2_crypto_ossl_configure_client_session(c->ssl), 0);
    assert_int_equal(ngtcp2_crypto_ossl_ctx_new(&c->octx, c->ssl), 0);
    ngtcp2_conn_set_tls_native_handle(c->nc, c->octx);
}

static inline void raw_conn(struct raw_client *c, sg_time_ns now)
{
    ngtcp2_callbacks callbacks = {
        .client_initial = ngtcp2_crypto_client_initial_cb,
        .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
        .handshake_completed = raw_completed,
        .encrypt = ngtcp2_crypto_encrypt_cb,
        .decrypt = ngtcp2_crypto_decrypt_cb,
        .hp_mask = ngtcp2_crypto_hp_mask_cb,
        .recv_retry = ngtcp2_crypto_recv_retry_cb,
        .rand = raw_rand,
        .update_key = ngtcp2_crypto_update_key_cb,
        .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
        .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
        .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
        .get_new_connection_id2 = raw_new_cid,
        .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
    };
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid = {.datalen = 12}, scid = {.datalen = 8};
    const uint8_t any[4] = {0};
    struct sg_addr local = sg_addr_v4(any, 0);
    RAND_bytes(dcid.data, 12);
    RAND_bytes(scid.data, 8);
    c->path.local.addr = (struct sockaddr *)&c->local_sa;
    c->path.local.addrlen = sg_addr_to_sockaddr(&local, AF_INET, &c->local_sa);
    c->path.remote.addr = (struct sockaddr *)&c->remote_sa;
    c->path.remote.addrlen = sg_addr_to_sockaddr(&c->remote, AF_INET, &c->remote_sa);
    ngtcp2_settings_default(&settings);
    settings.initial_ts = now;
    settings.max_tx_udp_payload_size = 1350;
    settings.no_tx_udp_payload_size_shaping = 1;
    settings.no_pmtud = 1;
    ngtcp2_transport_params_default(&params);
    params.initial_max_streams_uni = 16;
    params.initial_max_stream_data_uni = 256 * 1024;
    params.initial_max_data = 1024 * 1024;
    assert_int_equal(ngtcp2_conn_client_new(&c->nc, &dcid, &scid, &c->path, NGTCP2_PROTO_VER_V1,
                                            &callbacks, &settings, &params, NULL, c),
                     0);
}

static inline void raw_recv(void *self, sg_time_ns now, const struct sg_quic_rx *rx, size_t count)
{
    struct raw_client *c = self;
    ngtcp2_pkt_info pi = {0};
    for (size_t i = 0; i < count && !c->failed; i++) {
        c->error = ngtcp2_conn_read_pkt(c->nc, &c->path, &pi, rx[i].data, rx[i].len, now);
        c->failed = c->error != 0;
    }
}

static inline struct raw_stream *raw_next_stream(struct raw_client *c)
{
    for (size_t i = 0; i < c->stream_count && c->completed; i++) {
        struct raw_stream *s = &c->streams[i];
        if (s->id < 0 && ngtcp2_conn_open_uni_stream(c->nc, &s->id, NULL) != 0)
            return NULL;
        if (s->sent < s->len || s->fin)
            return s;
    }
    return NULL;
}

static inline bool raw_send(void *self, sg_time_ns now, struct sg_quic_tx *tx)
{
    struct raw_client *c = self;
    ngtcp2_pkt_info pi;
    ngtcp2_path_storage ps;
    ngtcp2_ssize taken = -1;
    if (c->failed)
        return false;
    ngtcp2_path_storage_zero(&ps);
    struct raw_stream *s = raw_next_stream(c);
    ngtcp2_vec vec = {0};
    if (s != NULL)
        vec = (ngtcp2_vec){(uint8_t *)(uintptr_t)(s->data + s->sent), s->len - s->sent};
    ngtcp2_ssize n =
        ngtcp2_conn_writev_stream(c->nc, &ps.path, &pi, tx->buf, 1350, &taken,
                                  s != NULL && s->fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0,
                                  s == NULL ? -1 : s->id, &vec, s == NULL ? 0 : 1, now);
    if (s != NULL && taken >= 0) {
        s->sent += (size_t)taken;
        s->fin = s->fin && s->sent < s->len;
        if (s->reset && s->sent == s->len)
            (void)ngtcp2_conn_shutdown_stream_write(c->nc, 0, s->id, 77);
    }
    if (n == NGTCP2_ERR_STREAM_DATA_BLOCKED)
        return false;
    if (n < 0) {
        c->failed = true;
        c->error = (int)n;
    }
    if (n <= 0)
        return false;
    tx->len = tx->segment_len = (size_t)n;
    tx->remote = c->remote;
    tx->ecn = 0;
    return true;
}

static inline sg_time_ns raw_deadline(void *self)
{
    struct raw_client *c = self;
    return c->failed ? SG_TIME_NEVER : ngtcp2_conn_get_expiry2(c->nc);
}

static inline void raw_expire(void *self, sg_time_ns now)
{
    struct raw_client *c = self;
    c->error = ngtcp2_conn_handle_expiry(c->nc, now);
    c->failed = c->error != 0;
}

/* A host with such a client that dials `to`; key is used where the options need one. */
static inline struct host *raw_add(struct net *net, struct raw_client *c, const struct host *to,
                                   const struct raw_options *options, EVP_PKEY *key)
{
    struct host *host = net_add(net);
    memset(c, 0, sizeof(*c));
    c->remote = to->addr;
    for (size_t i = 0; i < RAW_STREAMS; i++)
        c->streams[i].id = -1;
    raw_conn(c, net->now);
    raw_tls(c, options, key);
    host->self = c;
    host->recv = raw_recv;
    host->send = raw_send;
    host->deadline = raw_deadline;
    host->expire = raw_expire;
    return host;
}

/* To be sent on a stream of its own; data stays borrowed. */
static inline void raw_write(struct raw_client *c, const uint8_t *data, size_t len, bool fin)
{
    assert_true(c->stream_count < RAW_STREAMS);
    struct raw_stream *s = &c->streams[c->stream_count++];
    s->data = data;
    s->len = len;
    s->fin = fin;
}

/* The error code of the peer's CONNECTION_CLOSE, or UINT64_MAX. */
static inline uint64_t raw_close_code(const struct raw_client *c, bool application)
{
    const ngtcp2_ccerr *said = ngtcp2_conn_get_ccerr2(c->nc);
    enum ngtcp2_ccerr_type type =
        application ? NGTCP2_CCERR_TYPE_APPLICATION : NGTCP2_CCERR_TYPE_TRANSPORT;
    return c->error == NGTCP2_ERR_DRAINING && said->type == type ? said->error_code : UINT64_MAX;
}

static inline void raw_free(struct raw_client *c)
{
    SSL_set_app_data(c->ssl, NULL);
    SSL_free(c->ssl);
    ngtcp2_conn_del(c->nc);
    ngtcp2_crypto_ossl_ctx_del(c->octx);
    SSL_CTX_free(c->ctx);
}

#endif

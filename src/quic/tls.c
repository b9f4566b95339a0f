/* TLS 1.3 with RFC 7250 raw public keys on both sides: the peer's key is its identity, there are
 * no names and no chains. transport.md s3 says why each line is there. */
#include "quic/internal.h"

#include <assert.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "crypto/identity_evp.h"
#include "crypto/ids.h"

/* RFC 8446 s6 */
#define ALERT_OK_VERIFY 1
#define ALERT_REFUSE_VERIFY 0

static ngtcp2_conn *conn_of_ref(ngtcp2_crypto_conn_ref *ref)
{
    struct sg_quic_conn *conn = ref->user_data;
    return conn->nc;
}

/* Reads the raw key out of rpk into a fresh piece of memory of the connection. */
static sg_err take_key(struct sg_quic_conn *conn, EVP_PKEY *rpk)
{
    const struct sg_suite *suite = sg_identity_suite(conn->ep->config.identity);
    size_t len = suite->sig_public_len;
    if (!EVP_PKEY_is_a(rpk, SG_QUIC_KEY_TYPE))
        return SG_ERR_AUTH;
    if (conn->public_key == NULL)
        conn->public_key = sg_mem_new(conn->ep->mem, len, 1);
    if (conn->public_key == NULL)
        return SG_ERR_NO_MEMORY;
    if (EVP_PKEY_get_raw_public_key(rpk, conn->public_key, &len) != 1 ||
        len != suite->sig_public_len)
        return SG_ERR_AUTH;
    conn->public_key_len = len;
    return sg_peer_id_from_public_key(suite, sg_bytes(conn->public_key, len), &conn->peer);
}

static sg_err judge(struct sg_quic_conn *conn, X509_STORE_CTX *store)
{
    EVP_PKEY *rpk = X509_STORE_CTX_get0_rpk(store);
    /* no X.509 certificate, neither theirs nor our envelope */
    if (rpk == NULL || SSL_get_negotiated_server_cert_type(conn->ssl) != TLSEXT_cert_type_rpk ||
        SSL_get_negotiated_client_cert_type(conn->ssl) != TLSEXT_cert_type_rpk)
        return SG_ERR_AUTH;
    SG_TRY(take_key(conn, rpk));
    if (conn->has_expected && !sg_peer_id_equal(&conn->peer, &conn->expected))
        return SG_ERR_WRONG_PEER;
    return SG_OK;
}

static int verify_peer(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    ngtcp2_crypto_conn_ref *ref = ssl == NULL ? NULL : SSL_get_app_data(ssl);
    if (ref == NULL)
        return ALERT_REFUSE_VERIFY;
    struct sg_quic_conn *conn = ref->user_data;
    conn->verify_err = judge(conn, store);
    if (conn->verify_err != SG_OK) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert 42 */
        return ALERT_REFUSE_VERIFY;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return ALERT_OK_VERIFY;
}

/* The server takes our protocol or ends with alert 120, no_application_protocol. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    const size_t len = sizeof(SG_QUIC_ALPN) - 1;
    for (unsigned i = 0; i + 1u + len <= in_len; i += 1u + in[i]) {
        if (in[i] == len && memcmp(in + i + 1, SG_QUIC_ALPN, len) == 0) {
            *out = in + i + 1;
            *out_len = (unsigned char)len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A certificate that is never sent: an envelope for our key, signed by itself because OpenSSL
 * takes no other. With it, OpenSSL finds the encoded key ready made (encoding a bare one takes
 * 1.5 % of a handshake), and a peer that sends signature_algorithms_cert does not lead into the
 * code path of CVE-2026-14457, which dereferences the certificate of a key that has none. */
static X509 *new_envelope(EVP_PKEY *key)
{
    X509 *envelope = X509_new();
    if (envelope != NULL && X509_set_pubkey(envelope, key) == 1 &&
        X509_sign(envelope, key, NULL) > 0)
        return envelope;
    X509_free(envelope);
    return NULL;
}

static bool set_common(SSL_CTX *ctx, EVP_PKEY *key, X509 *envelope)
{
    static const unsigned char rpk_only[] = {TLSEXT_cert_type_rpk};
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_peer, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, SG_QUIC_CIPHERS) == 1 &&
           SSL_CTX_set1_groups_list(ctx, SG_QUIC_GROUPS) == 1 &&
           SSL_CTX_set1_sigalgs_list(ctx, SG_QUIC_SIGALGS) == 1 &&
           SSL_CTX_set1_client_sigalgs_list(ctx, SG_QUIC_SIGALGS) == 1 &&
           SSL_CTX_set1_server_cert_type(ctx, rpk_only, sizeof(rpk_only)) == 1 &&
           SSL_CTX_set1_client_cert_type(ctx, rpk_only, sizeof(rpk_only)) == 1 &&
           SSL_CTX_use_certificate(ctx, envelope) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
}

static SSL_CTX *new_client(EVP_PKEY *key, X509 *envelope)
{
    static const unsigned char alpn[] = {
        sizeof(SG_QUIC_ALPN) - 1, 's', 'a', 'o', 'r', 's', 'a', '/', '1'};
    static_assert(sizeof(alpn) == sizeof(SG_QUIC_ALPN), "the ALPN label is spelled out here");
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return NULL;
    if (set_common(ctx, key, envelope) && SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn)) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static SSL_CTX *new_server(EVP_PKEY *key, X509 *envelope)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    if (set_common(ctx, key, envelope) && SSL_CTX_set_num_tickets(ctx, 0) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static void init_backend(void)
{
    (void)ngtcp2_crypto_ossl_init(); /* prefetches algorithms; never fails */
}

sg_err sg_quic_tls_init(struct sg_quic_endpoint *ep)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    EVP_PKEY *key = sg_identity_evp(ep->config.identity);
    if (CRYPTO_THREAD_run_once(&once, init_backend) != 1)
        return SG_ERR_CRYPTO;
    X509 *envelope = new_envelope(key);
    if (envelope != NULL) {
        ep->client_ctx = new_client(key, envelope);
        ep->server_ctx = new_server(key, envelope);
    }
    X509_free(envelope); /* the contexts have references */
    ERR_clear_error();
    return ep->client_ctx == NULL || ep->server_ctx == NULL ? SG_ERR_CRYPTO : SG_OK;
}

void sg_quic_tls_fini(struct sg_quic_endpoint *ep)
{
    SSL_CTX_free(ep->client_ctx);
    SSL_CTX_free(ep->server_ctx);
}

sg_err sg_quic_tls_attach(struct sg_quic_conn *conn)
{
    struct sg_quic_endpoint *ep = conn->ep;
    conn->ref = (ngtcp2_crypto_conn_ref){.get_conn = conn_of_ref, .user_data = conn};
    conn->ssl = SSL_new(conn->dialled ? ep->client_ctx : ep->server_ctx);
    if (conn->ssl == NULL)
        return SG_ERR_NO_MEMORY;
    ep->stats.tls_created++;
    ep->stats.tls_live++;
    SSL_set_app_data(conn->ssl, &conn->ref);
    int failed;
    if (conn->dialled) {
        SSL_set_connect_state(conn->ssl);
        failed = ngtcp2_crypto_ossl_configure_client_session(conn->ssl);
    } else {
        SSL_set_accept_state(conn->ssl);
        failed = ngtcp2_crypto_ossl_configure_server_session(conn->ssl);
    }
    if (failed != 0)
        return SG_ERR_CRYPTO;
    if (ngtcp2_crypto_ossl_ctx_new(&conn->octx, conn->ssl) != 0)
        return SG_ERR_NO_MEMORY;
    ngtcp2_conn_set_tls_native_handle(conn->nc, conn->octx);
    return SG_OK;
}

void sg_quic_tls_detach(struct sg_quic_conn *conn)
{
    if (conn->ssl == NULL)
        return;
    SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_app_data(conn->ssl, NULL);
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    conn->ep->stats.tls_live--;
    if (conn->nc != NULL)
        ngtcp2_conn_set_tls_native_handle(conn->nc, NULL);
    ngtcp2_crypto_ossl_ctx_del(conn->octx);
    conn->octx = NULL;
    ERR_clear_error();
}

sg_err sg_quic_tls_export(struct sg_quic_conn *conn)
{
    if (SSL_export_keying_material(conn->ssl, conn->exporter, sizeof(conn->exporter),
                                   SG_QUIC_EXPORTER_LABEL, sizeof(SG_QUIC_EXPORTER_LABEL) - 1, NULL,
                                   0, 0) != 1)
        return SG_ERR_CRYPTO;
    return conn->public_key == NULL ? SG_ERR_AUTH : SG_OK;
}

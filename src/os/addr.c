#include "os/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/reader.h"
#include "base/writer.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t ip[16])
{
    return memcmp(ip, mapped_prefix, sizeof mapped_prefix) == 0;
}

static size_t ip_len(const struct sg_addr *addr)
{
    return addr->family == 4 ? 4 : 16;
}

struct sg_addr sg_addr_v4(const uint8_t ip[4], uint16_t port)
{
    struct sg_addr addr = {.family = 4, .port = port};
    memcpy(addr.ip, ip, 4);
    return addr;
}

struct sg_addr sg_addr_v6(const uint8_t ip[16], uint16_t port, uint32_t scope)
{
    if (is_mapped(ip))
        return sg_addr_v4(ip + sizeof mapped_prefix, port);
    struct sg_addr addr = {.family = 6, .port = port};
    memcpy(addr.ip, ip, 16);
    if (sg_addr_is_link_local(&addr))
        addr.scope = scope;
    return addr;
}

bool sg_addr_equal(const struct sg_addr *a, const struct sg_addr *b)
{
    return a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

int sg_addr_compare(const struct sg_addr *a, const struct sg_addr *b)
{
    if (a->family != b->family)
        return compare_u32(a->family, b->family);
    int order = memcmp(a->ip, b->ip, sizeof a->ip);
    if (order == 0)
        order = compare_u32(a->port, b->port);
    return order == 0 ? compare_u32(a->scope, b->scope) : order;
}

sg_err sg_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct sg_addr *out)
{
    *out = (struct sg_addr){0};
    if (len < sizeof sa->sa_family)
        return SG_ERR_INVALID_ARGUMENT;
    /* Copied, because the caller's bytes may have any alignment. */
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        if (len < sizeof in)
            return SG_ERR_INVALID_ARGUMENT;
        memcpy(&in, sa, sizeof in);
        *out = sg_addr_v4((const uint8_t *)&in.sin_addr, ntohs(in.sin_port));
        return SG_OK;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        if (len < sizeof in6)
            return SG_ERR_INVALID_ARGUMENT;
        memcpy(&in6, sa, sizeof in6);
        *out = sg_addr_v6(in6.sin6_addr.s6_addr, ntohs(in6.sin6_port), in6.sin6_scope_id);
        return SG_OK;
    }
    return SG_ERR_UNSUPPORTED;
}

static socklen_t to_sockaddr_v4(const struct sg_addr *addr, struct sockaddr_storage *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    memcpy(&in.sin_addr, addr->ip, 4);
    memcpy(out, &in, sizeof in);
    return sizeof in;
}

static socklen_t to_sockaddr_v6(const struct sg_addr *addr, struct sockaddr_storage *out)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
    if (addr->family == 6) {
        memcpy(&in6.sin6_addr, addr->ip, 16);
        in6.sin6_scope_id = addr->scope;
    } else {
        memcpy(&in6.sin6_addr, mapped_prefix, sizeof mapped_prefix);
        memcpy((uint8_t *)&in6.sin6_addr + sizeof mapped_prefix, addr->ip, 4);
    }
    memcpy(out, &in6, sizeof in6);
    return sizeof in6;
}

socklen_t sg_addr_to_sockaddr(const struct sg_addr *addr, int domain, struct sockaddr_storage *out)
{
    if (domain == AF_INET && addr->family == 4)
        return to_sockaddr_v4(addr, out);
    if (domain == AF_INET6 && (addr->family == 4 || addr->family == 6))
        return to_sockaddr_v6(addr, out);
    return 0;
}

/* Decimal digits of text [len], no sign, no leading zero, at most max. */
static bool parse_decimal(const char *text, size_t len, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    if (len == 0 || len > 10 || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= max;
}

static sg_err parse_ip_v6(const char *text, uint16_t port, struct sg_addr *out)
{
    char ip_text[INET6_ADDRSTRLEN];
    uint32_t scope = 0;
    const char *percent = strchr(text, '%');
    size_t len = percent == NULL ? strlen(text) : (size_t)(percent - text);
    if (len >= sizeof ip_text)
        return SG_ERR_INVALID_ARGUMENT;
    if (percent != NULL && !parse_decimal(percent + 1, strlen(percent + 1), UINT32_MAX, &scope))
        return SG_ERR_INVALID_ARGUMENT;
    memcpy(ip_text, text, len);
    ip_text[len] = 0;
    uint8_t ip[16];
    if (inet_pton(AF_INET6, ip_text, ip) != 1)
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_addr addr = sg_addr_v6(ip, port, scope);
    if (percent != NULL && (scope == 0 || addr.scope != scope))
        return SG_ERR_INVALID_ARGUMENT; /* a scope on an address that has none */
    *out = addr;
    return SG_OK;
}

sg_err sg_addr_parse_ip(const char *text, uint16_t port, struct sg_addr *out)
{
    *out = (struct sg_addr){0};
    uint8_t ip[4];
    if (inet_pton(AF_INET, text, ip) == 1) {
        *out = sg_addr_v4(ip, port);
        return SG_OK;
    }
    return parse_ip_v6(text, port, out);
}

/* Host without brackets as a span, and the text of the port; false when the shape is wrong. */
static bool split_span(const char *text, struct sg_bytes *host, const char **port)
{
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (end == NULL || end[1] != ':')
            return false;
        *host = sg_bytes(text + 1, (size_t)(end - text - 1));
        *port = end + 2;
        return true;
    }
    const char *colon = strchr(text, ':');
    if (colon == NULL || strchr(colon + 1, ':') != NULL)
        return false;
    *host = sg_bytes(text, (size_t)(colon - text));
    *port = colon + 1;
    return true;
}

sg_err sg_addr_split(const char *text, char host[SG_ADDR_HOST_CAP], uint16_t *port)
{
    struct sg_bytes span = {NULL, 0};
    const char *port_text = "";
    uint32_t number = 0;
    if (!split_span(text, &span, &port_text) || span.len == 0 || span.len >= SG_ADDR_HOST_CAP)
        return SG_ERR_INVALID_ARGUMENT;
    if (!parse_decimal(port_text, strlen(port_text), UINT16_MAX, &number))
        return SG_ERR_INVALID_ARGUMENT;
    memcpy(host, span.data, span.len);
    host[span.len] = 0;
    *port = (uint16_t)number;
    return SG_OK;
}

sg_err sg_addr_parse(const char *text, struct sg_addr *out)
{
    char host[SG_ADDR_HOST_CAP];
    uint16_t port = 0;
    *out = (struct sg_addr){0};
    SG_TRY(sg_addr_split(text, host, &port));
    struct sg_addr addr;
    SG_TRY(sg_addr_parse_ip(host, port, &addr));
    /* "[1.2.3.4]:5" is not a form of RFC 3986; a bare v6 address never gets here. */
    if (text[0] == '[' && strchr(host, ':') == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    *out = addr;
    return SG_OK;
}

const char *sg_addr_format(const struct sg_addr *addr, char text[SG_ADDR_TEXT_CAP])
{
    char ip[INET6_ADDRSTRLEN] = "";
    unsigned port = addr->port;
    if (addr->family != 4 && addr->family != 6) {
        (void)snprintf(text, SG_ADDR_TEXT_CAP, "none");
        return text;
    }
    (void)inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->ip, ip, sizeof ip);
    if (addr->family == 4)
        (void)snprintf(text, SG_ADDR_TEXT_CAP, "%s:%u", ip, port);
    else if (addr->scope != 0)
        (void)snprintf(text, SG_ADDR_TEXT_CAP, "[%s%%%lu]:%u", ip, (unsigned long)addr->scope,
                       port);
    else
        (void)snprintf(text, SG_ADDR_TEXT_CAP, "[%s]:%u", ip, port);
    return text;
}

static bool all_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

bool sg_addr_is_any(const struct sg_addr *addr)
{
    return addr->family != 0 && all_zero(addr->ip, ip_len(addr));
}

bool sg_addr_is_loopback(const struct sg_addr *addr)
{
    if (addr->family == 4)
        return addr->ip[0] == 127;
    return addr->family == 6 && all_zero(addr->ip, 15) && addr->ip[15] == 1;
}

bool sg_addr_is_link_local(const struct sg_addr *addr)
{
    if (addr->family == 4)
        return addr->ip[0] == 169 && addr->ip[1] == 254;
    return addr->family == 6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

bool sg_addr_is_multicast(const struct sg_addr *addr)
{
    if (addr->family == 4)
        return (addr->ip[0] & 0xf0) == 224;
    return addr->family == 6 && addr->ip[0] == 0xff;
}

bool sg_addr_is_private(const struct sg_addr *addr)
{
    const uint8_t *ip = addr->ip;
    if (sg_addr_is_link_local(addr))
        return true;
    if (addr->family == 6)
        return (ip[0] & 0xfe) == 0xfc;
    if (addr->family != 4)
        return false;
    return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
           (ip[0] == 192 && ip[1] == 168) || (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

struct sg_addr sg_addr_prefix(const struct sg_addr *addr, unsigned v4_bits, unsigned v6_bits)
{
    struct sg_addr net = {.family = addr->family};
    unsigned bits = addr->family == 4 ? v4_bits : v6_bits;
    for (unsigned i = 0; i < ip_len(addr) && bits > 0; i++) {
        unsigned take = bits < 8 ? bits : 8;
        net.ip[i] = (uint8_t)(addr->ip[i] & (0xff00U >> take));
        bits -= take;
    }
    return net;
}

bool sg_addr_is_hint(const struct sg_addr *addr)
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255};
    if (addr->port == 0 || sg_addr_is_any(addr) || sg_addr_is_multicast(addr))
        return false;
    if (addr->family == 4)
        return addr->ip[0] != 0 && memcmp(addr->ip, broadcast, 4) != 0;
    return addr->family == 6 && !sg_addr_is_link_local(addr) && !is_mapped(addr->ip);
}

sg_err sg_addr_hint_encode(const struct sg_addr *addr, uint8_t out[SG_ADDR_HINT_MAX], size_t *len)
{
    *len = 0;
    if (!sg_addr_is_hint(addr))
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_writer w = sg_writer(out, SG_ADDR_HINT_MAX);
    sg_write_u8(&w, addr->family);
    sg_write_bytes(&w, sg_bytes(addr->ip, ip_len(addr)));
    sg_write_u16(&w, addr->port);
    SG_TRY(sg_writer_done(&w));
    *len = w.len;
    return SG_OK;
}

sg_err sg_addr_hint_decode(struct sg_bytes hint, struct sg_addr *out)
{
    struct sg_reader r = sg_reader(hint);
    struct sg_addr addr = {.family = sg_read_u8(&r)};
    *out = (struct sg_addr){0};
    if (addr.family != 4 && addr.family != 6)
        return SG_ERR_MALFORMED;
    sg_read_copy(&r, addr.ip, ip_len(&addr));
    addr.port = sg_read_u16(&r);
    if (sg_reader_done(&r) != SG_OK || !sg_addr_is_hint(&addr))
        return SG_ERR_MALFORMED;
    *out = addr;
    return SG_OK;
}

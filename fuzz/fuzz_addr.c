/* os/addr: every hint that decodes encodes to the same bytes, every text that parses formats to a
 * text that parses to the same address. */
#include <assert.h>
#include <string.h>

#include "os/addr.h"

static void check_hint(struct sg_bytes input)
{
    struct sg_addr addr;
    uint8_t out[SG_ADDR_HINT_MAX];
    size_t len = 0;
    sg_err err = sg_addr_hint_decode(input, &addr);
    if (err != SG_OK) {
        assert(err == SG_ERR_MALFORMED && addr.family == 0);
        return;
    }
    assert(sg_addr_is_hint(&addr) && !sg_addr_is_any(&addr) && !sg_addr_is_multicast(&addr));
    err = sg_addr_hint_encode(&addr, out, &len);
    assert(err == SG_OK && sg_bytes_equal(sg_bytes(out, len), input));
}

static void check_text(const char *text)
{
    struct sg_addr addr;
    struct sg_addr again;
    char formatted[SG_ADDR_TEXT_CAP];
    sg_err err = sg_addr_parse(text, &addr);
    if (err != SG_OK) {
        assert(err == SG_ERR_INVALID_ARGUMENT && addr.family == 0);
        return;
    }
    err = sg_addr_parse(sg_addr_format(&addr, formatted), &again);
    assert(err == SG_OK && sg_addr_equal(&addr, &again) && sg_addr_compare(&addr, &again) == 0);
}

/* Any 16 bytes of a socket address come back as they went, or as IPv4 when they were mapped. */
static void check_sockaddr(struct sg_bytes input)
{
    struct sockaddr_storage sa;
    struct sg_addr again;
    if (input.len < 22)
        return;
    uint16_t port = (uint16_t)(input.data[16] << 8 | input.data[17]);
    uint32_t scope = 0;
    memcpy(&scope, input.data + 18, sizeof scope);
    struct sg_addr addr = sg_addr_v6(input.data, port, scope);
    socklen_t len = sg_addr_to_sockaddr(&addr, AF_INET6, &sa);
    sg_err err = sg_addr_from_sockaddr((const struct sockaddr *)&sa, len, &again);
    assert(err == SG_OK && sg_addr_equal(&addr, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    struct sg_bytes input = sg_bytes(data, size);
    check_hint(input);
    check_sockaddr(input);
    if (size < sizeof text) {
        if (size > 0)
            memcpy(text, data, size);
        text[size] = 0;
        check_text(text);
    }
    return 0;
}

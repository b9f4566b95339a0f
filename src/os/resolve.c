#include "os/resolve.h"

#include <assert.h>
#include <netdb.h>
#include <string.h>

/* The index of the first address at or after from that is of the family (or is not), or count. */
static size_t find_family(const struct sg_addr *addrs, size_t count, size_t from, uint8_t family)
{
    while (from < count && addrs[from].family != family)
        from++;
    return from;
}

void sg_resolve_interleave(struct sg_addr *addrs, size_t count)
{
    assert(count <= SG_RESOLVE_MAX);
    for (size_t i = 1; i < count; i++) {
        uint8_t want = addrs[i - 1].family == 6 ? 4 : 6;
        size_t found = find_family(addrs, count, i, want);
        if (found == count)
            return; /* one family only from here on */
        struct sg_addr addr = addrs[found];
        memmove(addrs + i + 1, addrs + i, (found - i) * sizeof *addrs);
        addrs[i] = addr;
    }
}

static bool contains(const struct sg_addr *addrs, size_t count, const struct sg_addr *addr)
{
    for (size_t i = 0; i < count; i++) {
        if (sg_addr_equal(&addrs[i], addr))
            return true;
    }
    return false;
}

static size_t collect(const struct addrinfo *list, uint16_t port, struct sg_addr *out, size_t cap)
{
    size_t count = 0;
    for (const struct addrinfo *at = list; at != NULL && count < cap; at = at->ai_next) {
        struct sg_addr addr;
        if (sg_addr_from_sockaddr(at->ai_addr, at->ai_addrlen, &addr) != SG_OK)
            continue;
        addr.port = port;
        if (!contains(out, count, &addr))
            out[count++] = addr;
    }
    return count;
}

sg_err sg_resolve(const char *host, uint16_t port, struct sg_addr *out, size_t cap, size_t *count)
{
    *count = 0;
    if (cap == 0 || host[0] == 0 || strlen(host) >= SG_ADDR_HOST_CAP)
        return SG_ERR_INVALID_ARGUMENT;
    if (sg_addr_parse_ip(host, port, out) == SG_OK) {
        *count = 1;
        return SG_OK;
    }
    /* A host with a colon or a percent sign is a broken address, not a name to ask the net for. */
    if (strpbrk(host, ":%") != NULL)
        return SG_ERR_INVALID_ARGUMENT;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, NULL, &hints, &list);
    if (status != 0)
        return status == EAI_MEMORY ? SG_ERR_NO_MEMORY : SG_ERR_RESOLVE;
    /* The whole list first, so that a small cap still gets both families. */
    struct sg_addr all[SG_RESOLVE_MAX];
    size_t found = collect(list, port, all, SG_RESOLVE_MAX);
    freeaddrinfo(list);
    sg_resolve_interleave(all, found);
    *count = found < cap ? found : cap;
    memcpy(out, all, *count * sizeof *out);
    return found > 0 ? SG_OK : SG_ERR_RESOLVE;
}

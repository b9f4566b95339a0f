#include "quic/internal.h"

void sg_quic_path_set(struct sg_quic_path *path, const struct sg_addr *remote)
{
    const uint8_t any[16] = {0};
    int domain = remote->family == 4 ? AF_INET : AF_INET6;
    struct sg_addr local = domain == AF_INET ? sg_addr_v4(any, 0) : sg_addr_v6(any, 0, 0);
    *path = (struct sg_quic_path){0};
    path->path.local.addrlen = sg_addr_to_sockaddr(&local, domain, &path->local);
    path->path.remote.addrlen = sg_addr_to_sockaddr(remote, domain, &path->remote);
    path->path.local.addr = (struct sockaddr *)&path->local;
    path->path.remote.addr = (struct sockaddr *)&path->remote;
}

void sg_quic_path_out(struct sg_quic_path *path)
{
    path->path = (ngtcp2_path){
        .local = {.addr = (struct sockaddr *)&path->local},
        .remote = {.addr = (struct sockaddr *)&path->remote},
    };
}

struct sg_addr sg_quic_path_remote(const ngtcp2_path *path)
{
    struct sg_addr addr;
    if (sg_addr_from_sockaddr(path->remote.addr, path->remote.addrlen, &addr) != SG_OK)
        return (struct sg_addr){0};
    return addr;
}

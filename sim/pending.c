/* Temporary: until src/node has them. */
#include "node/core.h"
bool sg_core_member(const struct sg_core *core, uint32_t i, struct sg_core_member *member)
{ (void)core; (void)i; (void)member; return false; }
sg_err sg_core_member_find(const struct sg_core *core, const struct sg_peer_id *peer, struct sg_core_member *member)
{ (void)core; (void)peer; (void)member; return SG_ERR_NOT_FOUND; }
size_t sg_core_cache(const struct sg_core *core, struct sg_peer_id *peers, struct sg_hints *hints, size_t cap)
{ (void)hints; return sg_core_neighbors(core, NULL, peers, cap); }

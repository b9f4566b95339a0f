#include "mls/tree_math.h"

uint32_t sg_mls_level(uint32_t node)
{
    uint32_t level = 0;
    while ((node >> level) & 1)
        level++;
    return level;
}

uint32_t sg_mls_left(uint32_t node)
{
    return node ^ (UINT32_C(1) << (sg_mls_level(node) - 1));
}

uint32_t sg_mls_right(uint32_t node)
{
    return node ^ (UINT32_C(3) << (sg_mls_level(node) - 1));
}

uint32_t sg_mls_parent(uint32_t node)
{
    uint32_t level = sg_mls_level(node);
    uint32_t side = (node >> (level + 1)) & 1;
    return (node | (UINT32_C(1) << level)) ^ (side << (level + 1));
}

uint32_t sg_mls_sibling(uint32_t node)
{
    return node ^ (UINT32_C(2) << sg_mls_level(node));
}

uint32_t sg_mls_first_leaf(uint32_t node)
{
    uint32_t level = sg_mls_level(node);
    return (node - ((UINT32_C(1) << level) - 1)) / 2;
}

uint32_t sg_mls_last_leaf(uint32_t node)
{
    uint32_t level = sg_mls_level(node);
    return (node / 2) + (level == 0 ? 0 : UINT32_C(1) << (level - 1));
}

bool sg_mls_is_in_subtree(uint32_t node, uint32_t top)
{
    uint32_t half = (UINT32_C(1) << sg_mls_level(top)) - 1;
    return node >= top - half && node <= top + half;
}

uint32_t sg_mls_common_ancestor(uint32_t a, uint32_t b)
{
    uint32_t low = sg_mls_level(a) > sg_mls_level(b) ? a : b;
    uint32_t other = low == a ? b : a;
    while (!sg_mls_is_in_subtree(other, low))
        low = sg_mls_parent(low);
    return low;
}

uint32_t sg_mls_round_leaves(uint32_t leaves)
{
    uint32_t full = 1;
    while (full < leaves)
        full *= 2;
    return full;
}

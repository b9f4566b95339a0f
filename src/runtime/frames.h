/* A bounded FIFO of frames: those that wait for room in a lane, and those that came before the
 * peer's HELLO. Nothing is allocated while it is empty. */
#ifndef SG_RUNTIME_FRAMES_H
#define SG_RUNTIME_FRAMES_H

#include "base/buf.h"
#include "wire/link.h"

struct sg_rt_frame {
    enum sg_lane lane;
    struct sg_buf *buf; /* one reference */
};

struct sg_rt_frames {
    struct sg_rt_frame *items; /* [cap], a ring from head */
    uint32_t cap;
    uint32_t head;
    uint32_t count;
    size_t bytes;
    uint32_t count_max;
    size_t bytes_max;
};

void sg_rt_frames_init(struct sg_rt_frames *q, uint32_t count_max, size_t bytes_max);
/* Lets go of every frame and of the memory. */
void sg_rt_frames_clear(struct sg_rt_frames *q, const struct sg_mem *mem);
/* Appends and takes over one reference; on an error none is taken.
 * SG_ERR_FULL: one of the bounds; SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_frames_push(struct sg_rt_frames *q, const struct sg_mem *mem,
                                     enum sg_lane lane, struct sg_buf *buf);
/* The oldest frame, borrowed, or NULL. */
const struct sg_rt_frame *sg_rt_frames_first(const struct sg_rt_frames *q);
/* Forgets the oldest frame and its reference; the memory goes with the last one. */
void sg_rt_frames_pop(struct sg_rt_frames *q, const struct sg_mem *mem);

#endif

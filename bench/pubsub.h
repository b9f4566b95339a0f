/* The parts of bench_pubsub. */
#ifndef SG_BENCH_PUBSUB_H
#define SG_BENCH_PUBSUB_H

#include <stddef.h>
#include <stdint.h>

#define PUBSUB_RUNS 5

_Noreturn void pubsub_die(const char *what);
/* Seconds of processor time of this thread, and of the whole process. */
double pubsub_thread_cpu(void);
double pubsub_process_cpu(void);
double pubsub_now(void);
double pubsub_median(double *values, size_t count);

/* One author and one receiver, cores without sockets. */
struct pubsub_pair {
    double author_us, receiver_us; /* per message */
    double wire_bytes; /* of frames with their lengths, beyond the payload, per message */
    double verified;   /* signatures per message */
};
struct pubsub_pair pubsub_core_pair(uint8_t batch, size_t payload, size_t messages);
/* Microseconds. */
void pubsub_signature_costs(double *sign, double *verify);

/* Real nodes over QUIC on loopback, all in this process. */
struct pubsub_mesh {
    double delivered_per_cpu_s; /* deliveries per second of processor time, of all nodes */
    double delivered_per_s;
    double overhead; /* UDP payload bytes sent beyond the payload, per delivery */
    double control;  /* of which IHAVE ids, 33 bytes each, per delivery */
    double batch;    /* messages per signature */
    double copies;   /* received per delivery */
    double lost;     /* messages that did not come, per message and node */
};
/* gap_us: pause of the author after every `burst` messages; 0 = as fast as it can. */
struct pubsub_load {
    size_t nodes, payload, messages, burst;
    uint64_t gap_us;
};
struct pubsub_mesh pubsub_mesh_run(const struct pubsub_load *load);

#endif

/* A scenario in memory: what its text has become. The flow: scenario_parse.c (lines, words,
 * variables) -> scenario_words.c (durations, shares, nodes) -> scenario_lines.c (one function per
 * command) -> this struct -> scenario_check.c (is it one?) -> scenario.c (runs it) ->
 * scenario_faults.c (what an action does). */
#ifndef SG_SIM_SCENARIO_H
#define SG_SIM_SCENARIO_H

#include <saorsa/sim.h>

#include "base/mem.h"
#include "node/core.h"

/* A scenario is written by a person: these are far above what one can oversee. */
#define SG_SIM_ACTIONS_MAX 64
#define SG_SIM_EXPECT_MAX 48
#define SG_SIM_KNOBS_MAX 48
#define SG_SIM_ROLES_MAX 8
#define SG_SIM_CUTS_MAX 32
#define SG_SIM_NAME_MAX 32
#define SG_SIM_TEXT_MAX 96

enum sg_sim_who_kind {
    SG_SIM_WHO_SHARE, /* of the nodes of the scenario */
    SG_SIM_WHO_COUNT,
    SG_SIM_WHO_ALL,
    SG_SIM_WHO_SEEDS, /* the nodes that others join through */
    SG_SIM_WHO_NODE   /* the one of this number */
};

struct sg_sim_who {
    enum sg_sim_who_kind kind;
    double share;
    uint32_t count;
};

enum sg_sim_action_kind {
    SG_SIM_DO_KILL,      /* for: until they come back */
    SG_SIM_DO_RESTART,   /* of the dead */
    SG_SIM_DO_LEAVE,     /* say goodbye, then stop */
    SG_SIM_DO_PARTITION, /* for, name */
    SG_SIM_DO_HEAL,      /* name */
    SG_SIM_DO_STALL,     /* for: no input and output, timers go on */
    SG_SIM_DO_FREEZE,    /* for: timers stand still, too (SIGSTOP) */
    SG_SIM_DO_SUSPEND,   /* for: and the monotonic clock as well */
    SG_SIM_DO_CLOCK,     /* shift_ms of the wall clock */
    SG_SIM_DO_LOSS,      /* share, for: of all links */
    SG_SIM_DO_ONEWAY,    /* share, direction, for */
    SG_SIM_DO_SLOW       /* delay_ns, for */
};

struct sg_sim_action {
    enum sg_sim_action_kind kind;
    struct sg_sim_who who;
    sg_time_ns at;    /* from time 0 of the scenario */
    uint64_t every;   /* 0 = once, else at least a millisecond */
    sg_time_ns until; /* of the repetition */
    uint64_t length;  /* "for"; 0 = till the end of the safety phase, or for good */
    double share;
    uint64_t delay_ns;
    int64_t shift_ms;
    bool is_inward, lost_disk;
    char name[SG_SIM_NAME_MAX];
    uint32_t line;
};

enum sg_sim_role {
    SG_SIM_HONEST,
    SG_SIM_LIAR,
    SG_SIM_GHOST,
    SG_SIM_REPLAY,
    SG_SIM_STORM,
    SG_SIM_FLAPPER,
    SG_SIM_SYBIL,  /* passes no payload on */
    SG_SIM_CENSOR, /* none of one author */
    SG_SIM_DEGRADE /* half of it */
};

struct sg_sim_adversary_line {
    enum sg_sim_role role;
    struct sg_sim_who who;
    sg_time_ns from, until; /* until 0 = to the end */
    bool is_always;         /* before time 0 as well */
    bool is_first;          /* starts before the honest nodes */
    uint32_t target;        /* the node it is after, SG_SIM_NONE = all */
    uint32_t line;
};

enum sg_sim_op { SG_SIM_LT, SG_SIM_LE, SG_SIM_EQ, SG_SIM_GE, SG_SIM_GT, SG_SIM_NE };

struct sg_sim_expect {
    uint32_t metric; /* sg_sim_metric_find */
    enum sg_sim_op op;
    double limit;
    char text[SG_SIM_TEXT_MAX];
};

/* A number of struct sg_core_config, by name: scenario_knobs.c. */
struct sg_sim_knob {
    uint32_t index;
    uint64_t value;
    uint32_t line;
};

/* An experiment on single machines, see lab_scenario.h. */
enum sg_sim_lab_kind {
    SG_SIM_LAB_NONE,
    SG_SIM_LAB_HYPARVIEW,
    SG_SIM_LAB_SWIM,
    SG_SIM_LAB_LIFEGUARD,
    SG_SIM_LAB_ECLIPSE
};

struct sg_sim_lab {
    enum sg_sim_lab_kind kind;
    bool is_told, is_ours; /* HYPARVIEW: links to the dead are reset at once; our own views */
    uint32_t rounds;       /* shuffle rounds, crashes, repeats, rounds of attack */
    double share, bad;     /* that fail, of Sybils among all; of bad contacts */
    uint32_t slots;        /* for contacts */
    uint32_t alpha, beta, members;     /* LIFEGUARD; members (0 = 1 .. 32 in turn) stall .. */
    uint64_t duration_ns, interval_ns; /* .. for so long, then are well so long; 0 = once */
};

struct sg_sim_scenario {
    char about[2 * SG_SIM_TEXT_MAX];
    struct sg_sim_config config; /* nodes include the spare ones below */
    uint32_t first_nodes;        /* these start; the others are new identities of lost disks */
    uint64_t seed_first, seed_last;
    uint64_t join_ns, settle_ns;
    bool has_publish;
    double publish_rate;
    sg_time_ns publish_from, publish_until; /* until 0 = end of the safety phase */
    uint32_t publish_line;
    sg_time_ns safety_ns; /* then all faults are healed .. */
    uint64_t converge_ns; /* .. and so long convergence is waited for; 0 = not */
    uint64_t sample_ns;
    bool wants_graph, wants_heap;
    uint32_t contacts; /* honest ones of each honest node */
    struct sg_sim_lab lab;
    struct sg_sim_action actions[SG_SIM_ACTIONS_MAX];
    uint32_t action_count;
    struct sg_sim_expect expects[SG_SIM_EXPECT_MAX];
    uint32_t expect_count;
    struct sg_sim_knob knobs[SG_SIM_KNOBS_MAX];
    uint32_t knob_count;
    struct sg_sim_adversary_line roles[SG_SIM_ROLES_MAX];
    uint32_t role_count;
};

/* ---- scenario_words.c: all give false when the word is none ---- */
/* "10ms", "1.5s", "10m", "2h", "0" -> nanoseconds. */
bool sg_sim_word_time(const char *word, uint64_t *ns);
/* "+1h", "-30s" -> milliseconds. */
bool sg_sim_word_shift(const char *word, int64_t *ms);
/* "5%", "0.05" -> 0 .. 1. */
bool sg_sim_word_share(const char *word, double *share);
bool sg_sim_word_count(const char *word, uint64_t max, uint64_t *count);
bool sg_sim_word_number(const char *word, double *number);
/* "50%", "8", "all", "half", "seeds", "node:3". */
bool sg_sim_word_who(const char *word, struct sg_sim_who *who);
/* The value of an expectation: seconds for times, shares for percentages. */
bool sg_sim_word_value(const char *word, double *value);

/* ---- scenario_lines.c ---- */
/* Words of a line without its comment, variables replaced. */
#define SG_SIM_WORDS_MAX 20
struct sg_sim_line {
    struct sg_sim_scenario *scenario;
    struct sg_sim_problem *problem;
    uint32_t number;
    uint32_t count, at; /* words, and the next one to be read */
    char word[SG_SIM_WORDS_MAX][64];
};
/* Fills in the problem; gives SG_ERR_MALFORMED. */
sg_err sg_sim_line_bad(struct sg_sim_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
SG_MUST_USE sg_err sg_sim_line_read(struct sg_sim_line *line);
/* The "at" line and its verbs: scenario_actions.c. */
SG_MUST_USE sg_err sg_sim_line_at(struct sg_sim_line *line);

/* ---- scenario_knobs.c ---- */
/* Whether a setting has this name. */
bool sg_sim_is_knob(const char *name);
/* "set hpv.active 5". */
SG_MUST_USE sg_err sg_sim_line_set(struct sg_sim_line *line);
/* Points the line at the knob_index-th setting and refuses it: no node starts with its value. */
sg_err sg_sim_knob_bad(struct sg_sim_line *line, uint32_t knob_index);
void sg_sim_knobs_apply(const struct sg_sim_scenario *scenario, struct sg_core_config *config);

/* ---- scenario_check.c ---- */
/* How often it happens; until is that of the whole scenario at most. */
uint64_t sg_sim_action_times(const struct sg_sim_action *action);
/* The scenario is whole, config->nodes included: what its lines ask for can happen. */
SG_MUST_USE sg_err sg_sim_scenario_check(struct sg_sim_line *line);

#endif

#include "json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

json_t *sg_json_id(const uint8_t id[SG_ID_LEN])
{
    char text[SG_ID_TEXT_LEN + 1];
    sg_id_to_text(id, text);
    return json_string(text);
}

/* Sets a member and takes the reference; object NULL or value NULL is carried on as failure. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)(value < INT64_MAX ? value : INT64_MAX));
}

json_t *sg_json_large(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return json_string(text);
}

json_t *sg_json_seed(uint64_t seed)
{
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : sg_json_large(seed);
}

/* Gives object when all went well; otherwise drops it. */
static json_t *finished(json_t *object, bool ok)
{
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

#define SG_STATS_FIELDS(X)                                                                         \
    X(uptime_ms)                                                                                   \
    X(incarnation)                                                                                 \
    X(connections)                                                                                 \
    X(topics)                                                                                      \
    X(base_active)                                                                                 \
    X(base_passive)                                                                                \
    X(neighbors_eager)                                                                             \
    X(neighbors_lazy)                                                                              \
    X(bytes_queued)                                                                                \
    X(peers_slow)                                                                                  \
    X(published)                                                                                   \
    X(delivered)                                                                                   \
    X(payloads_received)                                                                           \
    X(payloads_duplicate)                                                                          \
    X(payloads_sent)                                                                               \
    X(subscriber_dropped)                                                                          \
    X(subscriber_closed)                                                                           \
    X(subscriber_held)                                                                             \
    X(push_dropped)                                                                                \
    X(announces_dropped)                                                                           \
    X(peers_slowed)                                                                                \
    X(slow_probes)                                                                                 \
    X(slow_recovered)                                                                              \
    X(kept)                                                                                        \
    X(kept_bytes)                                                                                  \
    X(kept_dropped)                                                                                \
    X(backfill_sessions)                                                                           \
    X(backfill_failed)                                                                             \
    X(backfill_answered)                                                                           \
    X(backfill_received)                                                                           \
    X(backfill_served)                                                                             \
    X(stored)                                                                                      \
    X(store_lost)                                                                                  \
    X(transfers)                                                                                   \
    X(large_bytes)                                                                                 \
    X(large_published)                                                                             \
    X(large_received)                                                                              \
    X(large_failed)                                                                                \
    X(chunks_in)                                                                                   \
    X(chunks_out)                                                                                  \
    X(chunks_late)                                                                                 \
    X(chunks_refused)                                                                              \
    X(chunk_bytes_in)                                                                              \
    X(chunk_bytes_out)                                                                             \
    X(ihaves_sent)                                                                                 \
    X(ihaves_received)                                                                             \
    X(grafts_sent)                                                                                 \
    X(grafts_received)                                                                             \
    X(prunes_sent)                                                                                 \
    X(prunes_received)                                                                             \
    X(recovered)                                                                                   \
    X(given_up)                                                                                    \
    X(dontwants_sent)                                                                              \
    X(dontwants_received)                                                                          \
    X(donthaves_received)                                                                          \
    X(pushes_spared)                                                                               \
    X(faults)                                                                                      \
    X(grafts_in_backoff)                                                                           \
    X(grafts_refused)                                                                              \
    X(repairs_refused)                                                                             \
    X(ihaves_refused)                                                                              \
    X(asks_held)                                                                                   \
    X(promises_kept)                                                                               \
    X(promises_broken)                                                                             \
    X(sources_lost)                                                                                \
    X(median_grafts)                                                                               \
    X(cut_by_score)                                                                                \
    X(put_away)                                                                                    \
    X(signatures_made)                                                                             \
    X(signatures_verified)                                                                         \
    X(refused_signature)                                                                           \
    X(refused_proof)                                                                               \
    X(refused_expired)                                                                             \
    X(refused_future)                                                                              \
    X(refused_malformed)                                                                           \
    X(refused_version)                                                                             \
    X(refused_network)                                                                             \
    X(refused_overload)                                                                            \
    X(peers_banned)                                                                                \
    X(members)                                                                                     \
    X(health)                                                                                      \
    X(probes)                                                                                      \
    X(probes_failed)                                                                               \
    X(suspicions)                                                                                  \
    X(refutations)                                                                                 \
    X(failures)                                                                                    \
    X(failures_undone)                                                                             \
    X(probe_packets_in)                                                                            \
    X(probe_packets_out)                                                                           \
    X(probe_packets_dropped)                                                                       \
    X(handshakes_done)                                                                             \
    X(handshakes_failed)                                                                           \
    X(handshake_last_us)                                                                           \
    X(handshake_mean_us)                                                                           \
    X(dials)                                                                                       \
    X(dials_failed)                                                                                \
    X(retries_sent)                                                                                \
    X(datagrams_in)                                                                                \
    X(datagrams_out)                                                                               \
    X(bytes_in)                                                                                    \
    X(bytes_out)                                                                                   \
    X(packets_lost)                                                                                \
    X(socket_errors_transient)                                                                     \
    X(syscalls)

json_t *sg_json_stats(const struct sg_stats *stats)
{
    json_t *object = json_object();
    bool ok = object != NULL;
#define SG_STATS_SET_(field) ok = ok && set(object, #field, count(stats->field));
    SG_STATS_FIELDS(SG_STATS_SET_)
#undef SG_STATS_SET_
    return finished(object, ok);
}

json_t *sg_json_peer(const struct sg_peer_info *peer)
{
    json_t *object = json_object();
    bool ok = set(object, "id", sg_json_id(peer->id.b)) &&
              set(object, "address", json_string(peer->address)) &&
              set(object, "dialled", json_boolean(peer->dialled)) &&
              set(object, "base_active", json_boolean(peer->base_active)) &&
              set(object, "topics", count(peer->topics)) &&
              set(object, "rtt_us", count(peer->rtt_us)) &&
              set(object, "up_ms", count(peer->up_ms)) &&
              set(object, "bytes_in", count(peer->bytes_in)) &&
              set(object, "bytes_out", count(peer->bytes_out)) &&
              set(object, "queued", count(peer->queued)) &&
              set(object, "slow", json_boolean(peer->is_slow)) &&
              set(object, "push_dropped", count(peer->push_dropped));
    return finished(object, ok);
}

static const char *state_name(enum sg_member_state state)
{
    switch (state) {
    case SG_MEMBER_ALIVE:
        return "alive";
    case SG_MEMBER_SUSPECT:
        return "suspect";
    case SG_MEMBER_FAILED:
        return "failed";
    }
    return "unknown";
}

static json_t *address_or_null(const char *address)
{
    return address[0] != '\0' ? json_string(address) : json_null();
}

static json_t *meta_json(const struct sg_member *member)
{
    struct sg_bytes meta = {member->meta, member->meta_len};
    json_t *object = json_object();
    return finished(object, object != NULL && sg_json_set_payload(object, meta));
}

json_t *sg_json_member(const struct sg_member *member)
{
    json_t *object = json_object();
    bool is_heard = member->heard_ms != UINT64_MAX;
    bool ok = set(object, "id", sg_json_id(member->id.b)) &&
              set(object, "state", json_string(state_name(member->state))) &&
              set(object, "incarnation", sg_json_large(member->incarnation)) &&
              set(object, "state_ms", count(member->state_ms)) &&
              set(object, "heard_ms", is_heard ? count(member->heard_ms) : json_null()) &&
              set(object, "address", address_or_null(member->address)) &&
              set(object, "linked", json_boolean(member->is_linked)) &&
              set(object, "neighbor", json_boolean(member->is_neighbor)) &&
              set(object, "contact", json_boolean(member->is_contact)) &&
              set(object, "meta", meta_json(member));
    return finished(object, ok);
}

json_t *sg_json_contact(const struct sg_contact *contact)
{
    json_t *object = json_object();
    bool ok = set(object, "id", sg_json_id(contact->id.b)) &&
              set(object, "address", address_or_null(contact->address)) &&
              set(object, "neighbor", json_boolean(contact->is_neighbor));
    return finished(object, ok);
}

json_t *sg_json_message(const struct sg_message *message, const char *topic)
{
    json_t *object = json_object();
    struct sg_bytes payload = {message->payload, message->len};
    bool ok = set(object, "topic", json_string(topic)) &&
              set(object, "id", sg_json_id(message->id.b)) &&
              set(object, "author", sg_json_id(message->author.b)) &&
              set(object, "last_hop", sg_json_id(message->last_hop.b)) &&
              set(object, "hops", count(message->hops)) &&
              set(object, "sequence", sg_json_large(message->sequence)) &&
              set(object, "time_ms", count(message->time_ms)) &&
              set(object, "age_ms", json_real((double)message->age_us / 1000)) &&
              sg_json_set_payload(object, payload);
    return finished(object, ok);
}

/* Bytes of the UTF-8 sequence at data [len > 0], 0 when it is none (overlong forms, surrogates and
 * values above U+10FFFF are none). */
static size_t utf8_sequence(const uint8_t *data, size_t len)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = data[0];
    if (first < 0x80)
        return 1;
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size > len)
        return 0;
    uint32_t value = first & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (data[i] & 0x3fU);
    }
    bool wrong = value < LEAST[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff);
    return wrong ? 0 : size;
}

json_t *sg_json_text(const char *text)
{
    char *copy = strdup(text);
    size_t len = strlen(text);
    if (copy == NULL)
        return NULL;
    for (size_t at = 0; at < len;) {
        size_t size = utf8_sequence((const uint8_t *)copy + at, len - at);
        if (size == 0)
            copy[at] = '?';
        at += size > 0 ? size : 1;
    }
    json_t *string = json_stringn(copy, len);
    free(copy);
    return string;
}

bool sg_json_is_text(struct sg_bytes bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        uint8_t c = bytes.data[at];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return false;
        size_t size = utf8_sequence(bytes.data + at, bytes.len - at);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool sg_json_set_payload(json_t *object, struct sg_bytes payload)
{
    if (payload.len == 0)
        return set(object, "text", json_string(""));
    if (sg_json_is_text(payload))
        return set(object, "text", json_stringn((const char *)payload.data, payload.len));
    char *text = malloc(sg_b64_len(payload.len) + 1);
    if (text == NULL)
        return false;
    sg_b64_encode(payload.data, payload.len, text);
    bool ok = set(object, "base64", json_string(text));
    free(text);
    return ok;
}

bool sg_json_print(json_t *object)
{
    if (object == NULL)
        return false;
    if (json_dumpf(object, stdout, SG_JSON_FLAGS) == 0)
        (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(object);
    return true;
}

uint64_t sg_json_count(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

uint64_t sg_json_get_large(const json_t *object, const char *key)
{
    const char *text = sg_json_get_text(object, key, "");
    return text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : 0;
}

const char *sg_json_get_text(const json_t *object, const char *key, const char *none)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : none;
}

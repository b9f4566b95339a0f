/* A stand-in for an MLS ciphersuite that hides nothing: ciphertexts are the plain text, every
 * signature and tag verifies, and keys are short. A fuzzer's mutations thus reach what lies behind
 * decryption, and a simulation costs little. Hashes and derived secrets depend on all their input,
 * so trees and schedules still agree or differ as they should. Never in the product. */
#ifndef TEST_SUPPORT_MLS_CLEAR_H
#define TEST_SUPPORT_MLS_CLEAR_H

#include "base/prng.h"
#include "crypto/mls_suite.h"

#define SG_MLS_CLEAR_ID 0xf6ff
#define SG_MLS_CLEAR_KEY_LEN 8

/* Static. */
const struct sg_mls_suite *sg_mls_clear_suite(void);

/* Randomness of a seed. state: a struct sg_prng of the caller. */
struct sg_mls_random sg_mls_clear_random(struct sg_prng *prng);

#endif

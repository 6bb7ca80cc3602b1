#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

/* SHA-256 (FIPS 180-4) by OpenSSL's libcrypto, which libpq and libcurl bring along anyway. */

#include <stddef.h>

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

struct digest; /* a running hash */

struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *data, size_t size);
/* Writes the hash and frees the digest. */
void digest_finish(struct digest *digest, unsigned char hash[DIGEST_SIZE]);
/* Writes the hash of what was added so far; more may be. */
void digest_peek(const struct digest *digest, unsigned char hash[DIGEST_SIZE]);
/* Writes the hash; the digest is as new. */
void digest_restart(struct digest *digest, unsigned char hash[DIGEST_SIZE]);
void digest_free(struct digest *digest); /* NULL is fine */

void digest_bytes(const void *data, size_t size, unsigned char hash[DIGEST_SIZE]);
/* Lower-case hexadecimal with a NUL. */
void digest_hex(const unsigned char hash[DIGEST_SIZE], char hex[DIGEST_HEX_SIZE]);

#endif

#include "common/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "common/xalloc.h"

struct digest {
	EVP_MD_CTX *context;
};

struct digest *digest_new(void)
{
	struct digest *digest = xmalloc(sizeof(*digest));

	digest->context = EVP_MD_CTX_new();
	if (!digest->context || !EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL))
		abort(); /* libcrypto without SHA-256 is a broken installation */
	return digest;
}

void digest_add(struct digest *digest, const void *data, size_t size)
{
	if (!EVP_DigestUpdate(digest->context, data, size))
		abort();
}

void digest_finish(struct digest *digest, unsigned char hash[DIGEST_SIZE])
{
	if (!EVP_DigestFinal_ex(digest->context, hash, NULL))
		abort();
	digest_free(digest);
}

void digest_peek(const struct digest *digest, unsigned char hash[DIGEST_SIZE])
{
	struct digest *copy = digest_new();

	if (!EVP_MD_CTX_copy_ex(copy->context, digest->context))
		abort();
	digest_finish(copy, hash);
}

void digest_restart(struct digest *digest, unsigned char hash[DIGEST_SIZE])
{
	/* Without a type the one it has is kept, which saves looking it up. */
	if (!EVP_DigestFinal_ex(digest->context, hash, NULL) || !EVP_DigestInit_ex(digest->context, NULL, NULL))
		abort();
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

void digest_bytes(const void *data, size_t size, unsigned char hash[DIGEST_SIZE])
{
	struct digest *digest = digest_new();

	digest_add(digest, data, size);
	digest_finish(digest, hash);
}

void digest_hex(const unsigned char hash[DIGEST_SIZE], char hex[DIGEST_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < DIGEST_SIZE; i++) {
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
	hex[2 * DIGEST_SIZE] = '\0';
}

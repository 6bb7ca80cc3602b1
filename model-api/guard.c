#include "model-api/guard.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/digest.h"
#include "common/xalloc.h"

enum { MAX_TOKEN = 4096 };

struct guard {
	const char *path;
	pthread_mutex_t lock;
	unsigned char hash[DIGEST_SIZE];
};

static bool read_token(const char *path, char token[MAX_TOKEN], struct fail *fail)
{
	FILE *file = fopen(path, "re");
	size_t size = file ? fread(token, 1, MAX_TOKEN - 1, file) : 0;
	bool good = file && !ferror(file);

	if (!good)
		fail_set(fail, EXIT_WRONG_USE, "could not read the token file \"%s\": %s", path, strerror(errno));
	if (file)
		fclose(file);
	token[size] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	if (good && !*token)
		return fail_set(fail, EXIT_WRONG_USE, "the token file \"%s\" holds no token in its first line", path);
	return good;
}

bool guard_reload(struct guard *guard, struct fail *fail)
{
	char token[MAX_TOKEN];
	unsigned char hash[DIGEST_SIZE];

	if (!read_token(guard->path, token, fail))
		return false;
	digest_bytes(token, strlen(token), hash);
	OPENSSL_cleanse(token, sizeof(token));
	pthread_mutex_lock(&guard->lock);
	memcpy(guard->hash, hash, sizeof(hash));
	pthread_mutex_unlock(&guard->lock);
	return true;
}

struct guard *guard_new(const char *path, struct fail *fail)
{
	struct guard *guard = xcalloc(1, sizeof(*guard));

	guard->path = path;
	pthread_mutex_init(&guard->lock, NULL);
	if (guard_reload(guard, fail))
		return guard;
	guard_free(guard);
	return NULL;
}

bool guard_allows(struct guard *guard, const char *authorization)
{
	static const char scheme[] = "Bearer ";
	unsigned char hash[DIGEST_SIZE];
	bool same;

	if (!guard)
		return true;
	if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return false;
	authorization += strlen(scheme);
	digest_bytes(authorization, strlen(authorization), hash);
	pthread_mutex_lock(&guard->lock);
	same = CRYPTO_memcmp(hash, guard->hash, sizeof(hash)) == 0;
	pthread_mutex_unlock(&guard->lock);
	return same;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	pthread_mutex_destroy(&guard->lock);
	OPENSSL_cleanse(guard->hash, sizeof(guard->hash));
	free(guard);
}

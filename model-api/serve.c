#include "model-api/serve.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xalloc.h"

enum { TICK_MS = 250 };

/* How long requests under way may take after the drain, and the watch to leave the database alone. */
static const double finish_s = 5, watch_patience_s = 3;

struct parts {
	struct service service;
	_Atomic(struct server *) server; /* the watch starts before it and tells it of its looks */
};

static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	/* Blocked before threads start, taken by serve_until_told() alone. */
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A look was taken, feedback stored: who waits for it can be answered. */
static void finished(void *context)
{
	struct parts *parts = context;
	struct server *server = atomic_load(&parts->server);

	if (server)
		server_finished(server);
}

/* Written beside it and renamed, so that who finds the file finds the whole number. */
static bool write_port_file(const char *path, int port, struct fail *fail)
{
	char *draft = xasprintf("%s.new", path);
	FILE *file = fopen(draft, "we");
	bool good = file != NULL && fprintf(file, "%d\n", port) > 0;

	if (file && fclose(file) != 0)
		good = false;
	good = good && rename(draft, path) == 0;
	if (!good)
		fail_set(fail, EXIT_FAILED, "could not write the port file \"%s\": %s", path, strerror(errno));
	free(draft);
	return good;
}

static bool start(struct parts *parts, const struct serve_settings *settings, struct fail *fail)
{
	struct watch_settings watching = {
	    .look = settings->look, .poll_s = settings->poll_s, .looked = finished, .context = parts};
	struct journal_settings logging = settings->journal;
	struct service *service = &parts->service;
	struct server *server;
	int lanes = (int)settings->server.threads + 1; /* and one for the threads that do not serve */

	service->table = model_table_new(lanes);
	service->metrics = metrics_new(lanes);
	service->default_pipeline = settings->default_pipeline;
	service->instance = settings->instance;
	service->max_rows = (size_t)settings->max_rows;
	service->has_admin_port = settings->server.admin_port >= 0;
	logging.looked = finished;
	logging.context = parts;
	if (settings->token_file && !(service->guard = guard_new(settings->token_file, fail)))
		return false;
	if (logging.sample > 0 && !(service->journal = journal_start(&logging, service->metrics, fail)))
		return false;
	service->watch = watch_start(&watching, service->table, service->metrics, fail);
	if (!service->watch)
		return false;
	server = server_start(&settings->server, service, fail);
	if (!server)
		return false;
	atomic_store(&parts->server, server);
	log_info("listening", "host", "%s", settings->server.host, "port", "%d", server_port(server), "threads", "%ld",
		 (long)settings->server.threads, "instance", "%s", settings->instance, NULL);
	if (service->has_admin_port)
		log_info("listening for administration", "port", "%d", server_admin_port(server), NULL);
	return !settings->port_file || write_port_file(settings->port_file, server_port(server), fail);
}

static void reload_token(struct guard *guard)
{
	struct fail fail = {0};

	if (guard && !guard_reload(guard, &fail))
		log_error("the old token stays", "reason", "%s", fail.text, NULL);
}

/* Waits for a signal, ticking. Returns it, or 0 when the time is over. */
static int wait_signal(struct parts *parts, const sigset_t *signals, double limit_s)
{
	double end_s = clock_monotonic_s() + limit_s;

	while (clock_monotonic_s() < end_s) {
		struct timespec tick = {0, TICK_MS * 1000000L};
		double left_s = end_s - clock_monotonic_s();
		int number;

		if (left_s < TICK_MS / 1000.0 && left_s > 0)
			tick.tv_nsec = (long)(left_s * 1e9);
		number = sigtimedwait(signals, NULL, &tick);
		server_tick(atomic_load(&parts->server));
		if (number == SIGHUP) {
			log_info("asked to look at the registry", NULL);
			reload_token(parts->service.guard);
			watch_ask(parts->service.watch, true);
		} else if (number > 0) {
			return number;
		}
	}
	return 0;
}

static void drain(struct parts *parts, const sigset_t *signals, double drain_s)
{
	double end_s;

	atomic_store(&parts->service.draining, true);
	log_info("not ready any more, still answering", "seconds", "%.1f", drain_s, NULL);
	if (drain_s > 0 && wait_signal(parts, signals, drain_s))
		log_warning("told to stop again: the drain ends early", NULL);
	server_quiesce(atomic_load(&parts->server));
	end_s = clock_monotonic_s() + finish_s;
	while (metrics_in_flight(parts->service.metrics) > 0 && clock_monotonic_s() < end_s)
		if (wait_signal(parts, signals, 0.02))
			break;
}

/* False: the watch hangs in the network, and what it may still use was not freed. */
static bool stop(struct parts *parts)
{
	struct service *service = &parts->service;
	bool stopped = !service->watch || watch_stop(service->watch, watch_patience_s);

	/* What is answered from now on has no id. */
	if (service->journal && !journal_stop(service->journal, watch_patience_s))
		stopped = false;
	if (!stopped) {
		log_warning("the connection to the database hangs and was left behind", NULL);
		return false;
	}
	server_stop(atomic_load(&parts->server));
	watch_free(service->watch);
	journal_free(service->journal);
	guard_free(service->guard);
	model_table_free(service->table);
	metrics_free(service->metrics);
	return true;
}

void serve(const struct serve_settings *settings, struct fail *fail)
{
	struct parts *parts = xcalloc(1, sizeof(*parts));
	sigset_t signals;
	bool started;

	block_signals(&signals);
	json_object_seed(0); /* once, before threads parse */
	started = start(parts, settings, fail);
	if (started) {
		while (!wait_signal(parts, &signals, 3600))
			;
		drain(parts, &signals, settings->drain_s);
	}
	if (stop(parts))
		free(parts);
	if (started)
		log_info("stopped", NULL);
}

#include "model-api/feedback.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MAX_BODY = 8192 };

/* Texts; an integer stands for its decimal text, as in a file. */
static const char *truth_text(const json_t *truth, char digits[24])
{
	if (!json_is_integer(truth))
		return json_string_value(truth);
	snprintf(digits, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(truth));
	return digits;
}

static const char *check(const json_t *root, const char *id, const char *truth)
{
	const char *key;
	json_t *value;

	if (!json_is_object(root))
		return "the body must be a JSON object: {\"id\": \"...\", \"truth\": \"...\"}";
	json_object_foreach((json_t *)root, key, value)
	{
		if (strcmp(key, "id") != 0 && strcmp(key, "truth") != 0)
			return "unknown key: known are id, truth";
	}
	if (!id)
		return "\"id\" must be the text that came with the prediction";
	if (!truth || strlen(truth) > JOURNAL_MAX_TRUTH)
		return "\"truth\" must be a label: a text or an integer";
	return NULL;
}

void feedback_take(struct journal *journal, const char *body, size_t size, struct reply *reply)
{
	json_t *root = size <= MAX_BODY ? json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *id = json_string_value(json_object_get(root, "id")), *problem;
	char digits[24];
	const char *truth = truth_text(json_object_get(root, "truth"), digits);
	uint64_t ticket;

	problem = root ? check(root, id, truth) : "the body is no JSON object of at most 8 KiB";
	if (problem) {
		reply_error(reply, 400, "%s", problem);
	} else if (!journal || !journal_is_id(id)) {
		reply_error(reply, 404, "no prediction with this id was logged%s",
			    journal ? "" : ": this server does not log predictions");
	} else {
		ticket = journal_feedback(journal, id, truth);
		reply_clear(reply);
		if (ticket)
			reply->ticket = (struct ticket){TICKET_FEEDBACK, ticket};
		else
			reply_error(reply, 503, "too much feedback is waiting: try again");
	}
	json_decref(root);
}

void feedback_answer(struct journal *journal, uint64_t ticket, struct reply *reply)
{
	enum journal_outcome outcome =
	    journal_finished(journal) >= ticket ? journal_outcome(journal, ticket) : FEEDBACK_FAILED;

	switch (outcome) {
	case FEEDBACK_STORED:
	case FEEDBACK_KNOWN:
		reply_json(reply, 200, json_pack("{s:s}", "status", outcome == FEEDBACK_STORED ? "stored" : "known"));
		return;
	case FEEDBACK_CONFLICT:
		reply_error(reply, 409, "another truth was sent for this prediction before: the first one stands");
		return;
	case FEEDBACK_UNKNOWN:
		reply_error(reply, 404, "no prediction with this id was logged");
		return;
	case FEEDBACK_FAILED:
	case FEEDBACK_OUTCOME_COUNT:
		break;
	}
	reply_error(reply, 503, "the database did not take the feedback: try again");
}

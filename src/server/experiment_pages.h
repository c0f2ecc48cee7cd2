/*
 * experiment_pages: the experiment over the admin endpoints; docs/admin.md.
 */
#ifndef HEAPGATE_EXPERIMENT_PAGES_H
#define HEAPGATE_EXPERIMENT_PAGES_H

#include "base/text.h"

struct experiment;
struct stream;

/* Each answers s. e: NULL: there is none, which is said. */
/* GET: the table, as JSON, or with ?format=text for people. */
void experiment_pages_show(struct experiment *e, struct stream *s);
/* POST ?ARM=N&…: new weights; arms not named keep theirs. */
void experiment_pages_weight(struct experiment *e, struct stream *s);
/* POST ?arm=ARM */
void experiment_pages_drain(struct experiment *e, struct stream *s);
void experiment_pages_resume(struct experiment *e, struct stream *s);

/* The table for people. Check to->failed afterwards. */
void experiment_pages_table(const struct experiment *e, struct text *to);

#endif

/*
 * list: doubly linked, circular, intrusive. A node not in a list points to
 * itself, so that list_del() of it is harmless.
 */
#ifndef HEAPGATE_LIST_H
#define HEAPGATE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define container_of(p, type, member)                                                  \
	((type *)(void *)((char *)(p)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_(struct list *prev, struct list *next, struct list *n)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_push(struct list *head, struct list *n)
{
	list_insert_(head, head->next, n);
}

static inline void list_append(struct list *head, struct list *n)
{
	list_insert_(head->prev, head, n);
}

static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* The first node, taken off; NULL if there is none. */
static inline struct list *list_pop(struct list *head)
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	list_del(n);
	return n;
}

/* Moves all of from to the end of to. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_each(n, head) for (struct list *n = (head)->next; n != (head); n = n->next)

/* n may be taken off and freed in the body. */
#define list_each_safe(n, head)                                                        \
	for (struct list *n = (head)->next, *n##_next = n->next; n != (head);          \
	     n = n##_next, n##_next = n->next)

#endif

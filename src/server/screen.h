/*
 * screen: a terminal that is written anew again and again, by ncurses.
 *
 * ncurses is loaded here and not linked: its pages would be in every worker,
 * and what workers have in memory is what heapgate is to tell. Without it at
 * build time or at run time plain escape sequences do, less smoothly.
 */
#ifndef HEAPGATE_SCREEN_H
#define HEAPGATE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_DIM,
	SCREEN_ALARM, /* red, or reverse without colours */
};

struct screen;

/* Takes the terminal of standard output. Returns: NULL when there is none.
 * Owns: the caller, screen_close(), which gives it back as it was. */
struct screen *screen_open(void);
void screen_close(struct screen **s);

/* An empty page of *n_rows by *n_columns, to be filled line by line. */
void screen_begin(struct screen *s, int *n_rows, int *n_columns);
/* The next line, cut at the edge. text: UTF-8 without control characters. */
void screen_line(struct screen *s, enum screen_style style, const char *text);
void screen_end(struct screen *s);

/* Waits for a key. Returns: it, or 0 after ms or when the size has changed. */
int screen_key(struct screen *s, unsigned int ms);

#endif

#include "server/screen.h"

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "allocators/mem.h"

#if __has_include(<curses.h>)
#define NCURSES_NOMACROS
#define NCURSES_WIDECHAR 1
#include <curses.h>

/* What we call of it, with the types of its header. */
#define FUNCTIONS(X)                                                                   \
	X(newterm)                                                                     \
	X(endwin)                                                                      \
	X(raw)                                                                         \
	X(noecho)                                                                      \
	X(curs_set)                                                                    \
	X(keypad)                                                                      \
	X(wtimeout)                                                                    \
	X(wgetch)                                                                      \
	X(getmaxx)                                                                     \
	X(getmaxy)                                                                     \
	X(werase)                                                                      \
	X(wmove)                                                                       \
	X(waddstr)                                                                     \
	X(wattrset)                                                                    \
	X(wrefresh)                                                                    \
	X(has_colors)                                                                  \
	X(start_color)                                                                 \
	X(use_default_colors)                                                          \
	X(init_pair)

struct curses {
	void *library;
	WINDOW **window; /* its stdscr */
#define DECLARE(f) __typeof__(&f) f;
	FUNCTIONS(DECLARE)
	bool colours;
};
#else
struct curses {
	bool absent;
};
#endif

struct screen {
	struct curses curses;
	bool has_curses;
	struct termios before; /* without curses */
	int row, n_rows, n_columns;
};

/* --- ncurses ------------------------------------------------------------- */

#if __has_include(<curses.h>)
static bool curses_load(struct curses *c)
{
	static const char *const names[] = {"libncursesw.so.6", "libncursesw.so.5"};

	for (unsigned int i = 0; i < 2 && !c->library; i++)
		c->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!c->library)
		return false;
	c->window = dlsym(c->library, "stdscr");
#define RESOLVE(f)                                                                     \
	*(void **)&c->f = dlsym(c->library, #f);                                       \
	if (!c->f)                                                                     \
		return false;
	FUNCTIONS(RESOLVE)
	return c->window != NULL;
}

static bool curses_open(struct curses *c)
{
	setlocale(LC_CTYPE, "");
	if (!curses_load(c) || !c->newterm(NULL, stdout, stdin))
		return false;
	c->raw(); /* Ctrl-C is a key: the terminal is given back */
	c->noecho();
	c->curs_set(0);
	c->keypad(*c->window, true);
	c->colours = c->has_colors() && c->start_color() == OK &&
		     c->use_default_colors() == OK &&
		     c->init_pair(1, COLOR_RED, -1) == OK;
	return true;
}

static void curses_begin(struct curses *c, struct screen *s)
{
	s->n_rows = c->getmaxy(*c->window);
	s->n_columns = c->getmaxx(*c->window);
	c->werase(*c->window);
}

static void curses_line(struct curses *c, int row, enum screen_style style,
			const char *text)
{
	static const int styles[] = {A_NORMAL, A_BOLD, A_DIM, A_REVERSE};
	int attributes = styles[style];

	if (style == SCREEN_ALARM && c->colours)
		attributes = A_BOLD | (int)NCURSES_BITS(1, 0);
	c->wattrset(*c->window, attributes);
	c->wmove(*c->window, row, 0);
	c->waddstr(*c->window, text);
}

static void curses_end(struct curses *c)
{
	c->wattrset(*c->window, A_NORMAL);
	c->wrefresh(*c->window);
}

static int curses_key(struct curses *c, unsigned int ms)
{
	int key;

	c->wtimeout(*c->window, (int)ms);
	key = c->wgetch(*c->window);
	return key == ERR || key == KEY_RESIZE ? 0 : key;
}

static void curses_close(struct curses *c)
{
	c->endwin();
}
#else
static bool curses_open(struct curses *c)
{
	c->absent = true;
	return false;
}

static void curses_begin(struct curses *c, struct screen *s)
{
	(void)c;
	(void)s;
}

static void curses_line(struct curses *c, int row, enum screen_style style,
			const char *text)
{
	(void)c;
	(void)row;
	(void)style;
	(void)text;
}

static void curses_end(struct curses *c)
{
	(void)c;
}

static int curses_key(struct curses *c, unsigned int ms)
{
	(void)c;
	(void)ms;
	return 0;
}

static void curses_close(struct curses *c)
{
	(void)c;
}
#endif

/* --- without it ---------------------------------------------------------- */

static void plain_open(struct screen *s)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &s->before) != 0)
		return;
	t = s->before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
	fputs("\033[?1049h\033[?25l", stdout);
}

static void plain_begin(struct screen *s)
{
	struct winsize w;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col;

	s->n_rows = known ? w.ws_row : 24;
	s->n_columns = known ? w.ws_col : 80;
	fputs("\033[H", stdout);
}

static void plain_line(enum screen_style style, const char *text)
{
	static const char *const styles[] = {"\033[0m", "\033[1m", "\033[2m",
					     "\033[1;31m"};

	printf("%s%s\033[0m\033[K\n", styles[style], text);
}

static int plain_key(unsigned int ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char c;

	fflush(stdout);
	if (poll(&p, 1, (int)ms) <= 0 || read(STDIN_FILENO, &c, 1) != 1)
		return 0;
	return c;
}

static void plain_close(struct screen *s)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

/* --- either -------------------------------------------------------------- */

struct screen *screen_open(void)
{
	struct screen *s;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return NULL;
	s = mem_zalloc(MEM_BOOT, 1, sizeof(*s));
	if (!s)
		return NULL;
	s->has_curses = curses_open(&s->curses);
	if (!s->has_curses)
		plain_open(s);
	return s;
}

void screen_close(struct screen **s)
{
	if (!*s)
		return;
	if ((*s)->has_curses)
		curses_close(&(*s)->curses);
	else
		plain_close(*s);
	mem_free(MEM_BOOT, *s);
	*s = NULL;
}

void screen_begin(struct screen *s, int *n_rows, int *n_columns)
{
	s->row = 0;
	if (s->has_curses)
		curses_begin(&s->curses, s);
	else
		plain_begin(s);
	*n_rows = s->n_rows;
	*n_columns = s->n_columns;
}

/* As much of UTF-8 text as fits: each character of ours takes one column. */
static void cut(const char *text, int n_columns, char *to, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		bool starts = ((unsigned char)*text & 0xc0) != 0x80;

		if (starts && n_columns-- == 0)
			break;
		to[n++] = *text;
	}
	to[n] = '\0';
}

void screen_line(struct screen *s, enum screen_style style, const char *text)
{
	char line[1024];

	if (s->row >= s->n_rows - 1)
		return;
	cut(text, s->n_columns - 1, line, sizeof(line));
	if (s->has_curses)
		curses_line(&s->curses, s->row, style, line);
	else
		plain_line(style, line);
	s->row++;
}

void screen_end(struct screen *s)
{
	if (s->has_curses)
		curses_end(&s->curses);
	else
		fputs("\033[J", stdout);
}

int screen_key(struct screen *s, unsigned int ms)
{
	return s->has_curses ? curses_key(&s->curses, ms) : plain_key(ms);
}

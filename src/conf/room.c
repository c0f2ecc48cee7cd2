#include "conf/room.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void room_no_memory(const struct room *r)
{
	longjmp(*r->no_memory, 1);
}

void *room_alloc(const struct room *r, size_t size)
{
	void *p = arena_zalloc(r->arena, size ? size : 1);

	if (!p)
		room_no_memory(r);
	return p;
}

char *room_copy(const struct room *r, const char *p, size_t len)
{
	char *copy = arena_copy(r->arena, p, len);

	if (!copy)
		room_no_memory(r);
	return copy;
}

char *room_printf(const struct room *r, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = room_alloc(r, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

/*
 * log: the error log. One line per event, to a file or stderr.
 */
#ifndef HEAPGATE_LOG_H
#define HEAPGATE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARN, LOG_ERROR };

/* path NULL or "-": stderr. who: "supervisor", "worker 2 jemalloc"; copied.
 * Returns: 0, or -1 with errno set (the old sink stays). */
int log_open(const char *path, enum log_level least, const char *who);
/* Opens the same path again (after logrotate). */
void log_reopen(void);
void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* -1: unknown word. */
int log_level_of(const char *word);

#define log_debug(...)  log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)   log_write(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_warn(...)   log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...)  log_write(LOG_ERROR, __VA_ARGS__)

#endif

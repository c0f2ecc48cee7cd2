/*
 * h1_head_case: heads that a reader must accept or refuse, for the tests.
 */
#ifndef HEAPGATE_H1_HEAD_CASE_H
#define HEAPGATE_H1_HEAD_CASE_H

#include "h1_case.h"

#define GET  "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define OK   "HTTP/1.1 200 OK\r\n"
#define END  "\r\n"

/* The case of the running test; its limits are kept from head to head. */
extern struct h1_case c;

void setup(void);
void teardown(void);
/* A new reader. */
void again(bool response, enum method method);
enum h1_result head(const char *bytes, size_t len);
/* The request's head is whole and all of bytes is used. */
void accept_n(const char *bytes, size_t len);
/* The request's head is refused with this status, now and ever after. */
void refuse_n(const char *bytes, size_t len, unsigned int status);
void accept_answer(enum method method, const char *bytes);
void refuse_answer(enum method method, const char *bytes);
void ck_str(struct str s, const char *z);

#define accept(bytes)         accept_n(bytes, sizeof(bytes) - 1)
#define refuse(bytes, status) refuse_n(bytes, sizeof(bytes) - 1, status)

#endif

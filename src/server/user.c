#include "server/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int user_become(const char *name, char *err, size_t err_cap)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return 0;
	errno = 0;
	pw = getpwnam(name);
	if (!pw) {
		snprintf(err, err_cap, "user %s: %s", name,
			 errno ? strerror(errno) : "there is no such user");
		return -1;
	}
	if (initgroups(name, pw->pw_gid) == 0 &&
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0)
		return 0;
	snprintf(err, err_cap, "cannot become user %s: %s", name, strerror(errno));
	return -1;
}

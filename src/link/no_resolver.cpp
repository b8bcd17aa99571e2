// SPDX-License-Identifier: Apache-2.0 Replaces the name lookups of the C library. libnl refers to them for features
// that caisson does not use. They would add the resolver and the loader of shared libraries to the static program, a
// sixth of its size.
#include <netdb.h>

extern "C" {

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) { return EAI_FAIL; }
void freeaddrinfo(addrinfo*) {}
protoent* getprotobyname(const char*) { return nullptr; }
protoent* getprotobynumber(int) { return nullptr; }
}

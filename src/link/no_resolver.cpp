// SPDX-License-Identifier: Apache-2.0
// libnl can turn names into addresses and protocols, which nobody here asks of it. The functions that it would call
// for that drag the C library's resolver and its loader of shared libraries into a static program, a sixth of its size.
#include <netdb.h>

extern "C" {

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) { return EAI_FAIL; }
void freeaddrinfo(addrinfo*) {}
protoent* getprotobyname(const char*) { return nullptr; }
protoent* getprotobynumber(int) { return nullptr; }
}

// SPDX-License-Identifier: Apache-2.0
// The smallest program: with which limits does it still start?
int main() { return 0; }

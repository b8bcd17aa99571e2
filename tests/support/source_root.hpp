// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Absolute path of the source tree: for tests that read pages, samples or golden files. In a source file of its own,
/// so that a compiler cache serves every checkout.
extern const char* const kSourceRoot;

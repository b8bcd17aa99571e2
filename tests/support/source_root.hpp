// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Absolute path of the source tree, for tests that read pages, samples or golden files. It is defined in a generated
/// source file, so that a compiler cache can serve several checkouts.
extern const char* const kSourceRoot;

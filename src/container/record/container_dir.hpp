// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/record/state.hpp"

namespace caisson::container {

/// Names of the files in a container's directory.
inline constexpr const char* kStateFile = "state.json";
inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kStartSocket = "start.sock";

/// Mode of the root and the directories in it: others may pass through to a known name (engines' helpers as container
/// root do), none may list.
inline constexpr unsigned kRootMode = 0711;

/// ErrorKind::invalid_id unless `id` is [A-Za-z0-9_+.-]+ and neither "." nor "..".
Status check_id(std::string_view id);

/// Whether load_state() has failed because the record is damaged, and not because it could not be read now.
bool is_damage(const Error& error);

/// <root>/<id>/: one container's directory.
class Entry {
 public:
  Entry(FileDescriptor root, FileDescriptor dir, std::string id, std::string path)
      : root_(std::move(root)), dir_(std::move(dir)), id_(std::move(id)), path_(std::move(path)) {}

  const std::string& id() const { return id_; }
  /// Absolute path, for messages and for what must be given as a path.
  const std::string& path() const { return path_; }
  FdView dir() const { return dir_; }
  /// What the entry is removed from.
  void keep_root(FileDescriptor root) { root_ = std::move(root); }

  /// Takes the container's lock, which a creator and every command that changes the container hold while they do so,
  /// but not while a hook runs. Waits ten seconds at most. ErrorKind::destroyed when the container went away meanwhile.
  /// Freed with the entry.
  Status lock() const;
  /// The same without waiting: false when somebody else holds it.
  Result<bool> try_lock() const;
  void unlock() const;
  /// Whether somebody else holds the lock at this moment.
  bool locked_by_other() const;

  /// The record; ErrorKind::destroyed when there is none. One that cannot be understood, or is another container's, or
  /// is missing beside other files, is an error of which is_damage() is true.
  Result<State> load_state() const;
  /// The first record. Others may look meanwhile: it is there whole or not at all.
  Status write_first_state(const State& state) const;
  /// Replaces the record at once: readers see the old or the new one.
  Status replace_state(const State& state) const;
  /// Replaces the saved config at once.
  Status replace_config(std::string_view text) const;
  Result<std::string> load_config() const;
  /// The config's file, empty, to be written.
  Result<FileDescriptor> make_config() const;
  /// The config to be read, locked for init: it holds the lock, by the descriptor it is born with, until it is
  /// recorded.
  Result<FileDescriptor> open_locked_config() const;
  /// Whether an init of this record's is on its way: see open_locked_config().
  Result<bool> init_becomes(const State& state) const;
  /// Whether an init that is not recorded as created holds the config: see open_locked_config().
  Result<bool> init_holds_config() const;
  /// Waits, ten seconds at most, until no init of a creator that was killed holds the config any more.
  Status wait_for_init() const;

  /// Removes the directory and what the runtime put there. True when this call removed it, false when it was gone.
  Result<bool> remove();

 private:
  Status check_present() const;
  bool has_traces() const;
  std::unexpected<Error> damaged(const std::string& why) const;

  FileDescriptor root_;
  FileDescriptor dir_;
  std::string id_;
  std::string path_;
};

/// <root>: all containers of one runtime root.
class Store {
 public:
  explicit Store(std::string root) : root_(std::move(root)) {}

  /// Makes and locks the directory of a new container. ErrorKind::id_in_use when there is one.
  Result<Entry> reserve(const std::string& id) const;
  /// ErrorKind::destroyed: "container does not exist".
  Result<Entry> open(const std::string& id) const;
  /// The root's directory, and an entry of it to look at: it cannot be removed. Errors as of open().
  Result<FileDescriptor> open_root() const;
  Result<Entry> open_listed(FdView root, const std::string& id) const;
  /// Names of all entries, sorted. A root that is not there has none when `missing_is_empty`.
  Result<std::vector<std::string>> ids(bool missing_is_empty) const;

 private:
  std::string root_;
};

}  // namespace caisson::container

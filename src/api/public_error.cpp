// SPDX-License-Identifier: Apache-2.0
#include "api/inside.hpp"

namespace caisson::v1 {

namespace {

ErrorCode code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::config: return ErrorCode::ConfigInvalid;
    case ErrorKind::invalid_id: return ErrorCode::InvalidIdFormat;
    case ErrorKind::id_in_use: return ErrorCode::IdInUse;
    case ErrorKind::destroyed: return ErrorCode::ContainerDestroyed;
    case ErrorKind::paused: return ErrorCode::ContainerPaused;
    case ErrorKind::system:
    case ErrorKind::wrong_state: break;
  }
  return ErrorCode::SystemError;
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::IdInUse: return "IdInUse";
    case ErrorCode::InvalidIdFormat: return "InvalidIdFormat";
    case ErrorCode::ContainerDestroyed: return "ContainerDestroyed";
    case ErrorCode::ContainerPaused: return "ContainerPaused";
    case ErrorCode::ConfigInvalid: return "ConfigInvalid";
    case ErrorCode::SystemError: break;
  }
  return "SystemError";
}

Error to_public(const caisson::Error& error) {
  return {code_of(error.kind()), error.message(), error.pointer(), error.sys_errno()};
}

}  // namespace caisson::v1

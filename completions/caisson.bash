# SPDX-License-Identifier: Apache-2.0
# bash completion for caisson(8)

_caisson_options() {
  local options=""
  case $1 in
    global) options="--root --log --log-format --debug --systemd-cgroup --cgroup-manager --rootless --version --help" ;;
    checkpoint) options="--image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks
      --manage-cgroups-mode --network-lock --empty-ns --auto-dedup --lazy-pages --parent-path --leave-running
      --tcp-skip-in-flight --link-remap --status-fd --page-server --pre-dump --help" ;;
    create) options="--bundle --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring
      --preserve-fds --timeline --help" ;;
    delete) options="--force --regex --timeline --help" ;;
    events) options="--interval --stats --help" ;;
    exec) options="--process --tty --user --additional-gids --cwd --env --cap --no-new-privs --process-label --apparmor
      --cgroup --detach --pid-file --console-socket --pidfd-socket --preserve-fds --ignore-paused --timeline --help" ;;
    features) options="--help" ;;
    kill) options="--all --regex --help" ;;
    list) options="--format --quiet --help" ;;
    pause) options="--help" ;;
    ps) options="--format --help" ;;
    restore) options="--bundle --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring
      --preserve-fds --image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks
      --manage-cgroups-mode --network-lock --empty-ns --auto-dedup --lazy-pages --detach --no-subreaper --tcp-close
      --lsm-profile --lsm-mount-context --help" ;;
    resume) options="--help" ;;
    run) options="--bundle --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring
      --preserve-fds --detach --keep --no-subreaper --timeline --help" ;;
    spec) options="--bundle --from --rootless --help" ;;
    start) options="--help" ;;
    state) options="--help" ;;
    stats) options="--format --interval --once --help" ;;
    update) options="--resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period
      --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --pids-limit
      --l3-cache-schema --mem-bw-schema --help" ;;
    verify) options="--format --help" ;;
  esac
  printf '%s' "$options"
}

_caisson_commands="checkpoint create delete events exec features help kill list nsinit pause ps restore resume run spec
  start state stats update verify"

# Sets COMPREPLY to the words that fit the value of option $1; fails when it takes none.
_caisson_value() {
  case $1 in
    --root|--bundle|-b|--image-path|--work-path|--parent-path)
      compopt -o dirnames; COMPREPLY=() ;;
    --from|--log|--config|--console-socket|--pidfd-socket|--pid-file|--process|-p|--resources|-r)
      compopt -o default; COMPREPLY=() ;;
    -f)
      if [[ $command == @(list|ps|stats) ]]; then
        mapfile -t COMPREPLY < <(compgen -W "table json" -- "$current")
      elif [[ $command == verify ]]; then
        mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current")
      elif [[ $command == @(create|run|restore) ]]; then
        compopt -o default; COMPREPLY=()
      else
        return 1
      fi ;;
    --format)
      local text=table
      [[ $command == verify ]] && text=text
      mapfile -t COMPREPLY < <(compgen -W "$text json" -- "$current") ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current") ;;
    --cgroup-manager) mapfile -t COMPREPLY < <(compgen -W "cgroupfs systemd" -- "$current") ;;
    --rootless)
      [[ $command == spec ]] && return 1
      mapfile -t COMPREPLY < <(compgen -W "auto true false" -- "$current") ;;
    --manage-cgroups-mode) mapfile -t COMPREPLY < <(compgen -W "soft full strict ignore" -- "$current") ;;
    --empty-ns) mapfile -t COMPREPLY < <(compgen -W "network" -- "$current") ;;
    --user|-u|--additional-gids|-g|--cwd|--env|-e|--cap|-c|--process-label|--apparmor|--cgroup|--preserve-fds|\
    --interval|--blkio-weight|--cpu-*|--cpuset-*|--memory|--memory-*|--pids-limit|--l3-cache-schema|--mem-bw-schema|\
    --network-lock|--status-fd|--page-server|--lsm-profile|--lsm-mount-context)
      COMPREPLY=() ;;
    *) return 1 ;;
  esac
}

_caisson() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local command="" id="" program=${COMP_WORDS[0]} i
  local -a root=()
  COMPREPLY=()

  # The shell breaks words at "=": the option of "--option=value" stands before it.
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" && $COMP_CWORD -ge 2 ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi

  # Which command, and whether it has its container already.
  for ((i = 1; i < COMP_CWORD; i++)); do
    local word=${COMP_WORDS[i]}
    if [[ $word == -* ]]; then
      # The value of an option is neither a command nor an id.
      if [[ ${COMP_WORDS[i+1]} == "=" ]]; then
        ((i += 2))
      elif _caisson_value "$word" 2>/dev/null; then
        ((i++))
      fi
      if [[ $word == @(--root|-root) ]]; then root=(--root "${COMP_WORDS[i]}"); fi
      COMPREPLY=()
    elif [[ -z $command ]]; then
      command=$word
    elif [[ -z $id ]]; then
      id=$word
    fi
  done

  if [[ -n $id && $command == exec ]]; then
    return
  fi
  if _caisson_value "$previous"; then
    return
  fi
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_caisson_options "${command:-global}")" -- "$current")
    return
  fi
  case $command in
    "" | help) mapfile -t COMPREPLY < <(compgen -W "$_caisson_commands" -- "$current") ;;
    create | run | restore | features | list | spec) ;;
    kill)
      if [[ -n $id ]]; then
        mapfile -t COMPREPLY < <(compgen -A signal -- "$current")
        return
      fi ;;&
    *)
      if [[ -z $id || $command == stats ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" "${root[@]}" list --quiet 2>/dev/null)" -- "$current")
      fi ;;
  esac
}

complete -F _caisson caisson

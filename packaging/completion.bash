# Completion for hilerad, hileractl and hilera-sim. It asks the programs what there is (--help), so that it cannot fall
# behind them.

_hilera_subcommands() { sed '1,/^Subcommands:/d' <<<"$1" | awk '/^  [a-z]/ { print $1 }'; }

_hilera() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local commands=() help word values words=
  COMPREPLY=()

  help=$("$program" --help 2>/dev/null) || return
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if _hilera_subcommands "$help" | grep -qxF -e "$word"; then
      commands+=("$word")
      help=$("$program" "${commands[@]}" --help 2>/dev/null) || return
    fi
  done

  case $program:$previous in
    *hileractl:--json) ;;
    *:--config | *:--control | *:--decode | *:--directory | *:--json | *:--keys-file | *:--log | *:--password-file | *:--socket | *:--tls-ca)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    *:--*)
      # A value out of a set: --state TEXT:{queued,sent}
      values=$(sed -n "s/^ *${previous//\//} [^ ]*:{\([^}]*\)}.*/\1/p" <<<"$help")
      words=${values//,/ } ;;
  esac
  if [[ -z $words && $current == -* ]]; then
    words=$(grep -oE '^ *(-[a-z],)?--[a-z-]+' <<<"$help" | grep -oE -- '--.*')
  elif [[ -z $words ]]; then
    words=$(_hilera_subcommands "$help")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _hilera hilerad hileractl hilera-sim

/** What bash completes: the verbs, then files and what the user types. */
export function completionScript(verbs: readonly string[]): string {
  return `# Written by "mesh install"; "mesh uninstall" takes it away.
_mesh() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "${[...verbs].sort().join(' ')}" -- "$word"))
  elif [ "\${word#-}" != "$word" ]; then
    COMPREPLY=($(compgen -W "$(mesh help "\${COMP_WORDS[1]}" 2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)" -- "$word"))
  fi
}
complete -o default -F _mesh mesh
`;
}

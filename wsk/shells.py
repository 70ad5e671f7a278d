"""Completion scripts for shells: each asks `wsk __complete WORDS...` and shows lines.

A line is VALUE, or VALUE<TAB>description; the line `:files` asks for file names.
"""

BASH = r"""# bash completion for wsk: source this file
_wsk_complete() {
    local line values=()
    # bash splits words at colons; kinds and names have some, so words are glued again
    local cur words cword
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : cur words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r line; do
                values+=("$line")
            done < <(compgen -f -- "$cur")
        else
            values+=("${line%%$'\t'*}")
        fi
    done < <("${words[0]}" __complete "${words[@]:1:cword}" 2>/dev/null)
    for line in "${values[@]}"; do
        [[ $line == "$cur"* ]] && COMPREPLY+=("$line")
    done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _wsk_complete wsk
"""

ZSH = r"""#compdef wsk
# zsh completion for wsk: source this file, or put it in $fpath as _wsk
_wsk() {
    local line value text
    local -a described
    while IFS= read -r line; do
        if [[ $line == ":files" ]]; then
            _files
            continue
        fi
        value=${line%%$'\t'*}
        text=""
        [[ $line == *$'\t'* ]] && text=${line#*$'\t'}
        described+=("${value//:/\\:}:$text")
    done < <(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#described} )) && _describe -t wsk 'wsk' described
}
if [[ $funcstack[1] == _wsk ]]; then
    _wsk "$@"
else
    compdef _wsk wsk
fi
"""

FISH = r"""# fish completion for wsk: source this file, or put it in
# ~/.config/fish/completions/wsk.fish
function __wsk_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command wsk __complete $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c wsk -f -a '(__wsk_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

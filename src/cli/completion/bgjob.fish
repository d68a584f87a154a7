# fish completion for bgjob, made by: bgjob completion fish
function __bgjob_complete
    set -l words (commandline -opc)
    set -l typed $words[2..-1] (commandline -ct)
    set -l answer (command $words[1] completion words -- $typed 2>/dev/null </dev/null)
    set -l does (string split ' ' -- $answer[1])
    set -l path (string replace -- "$does[2]" '' (commandline -ct))
    switch "$does[1]"
        case command
            set -e words[1..(math $does[2] + 1)]
            complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
        case files
            printf "$does[2]%s\n" (__fish_complete_path $path)
        case directories
            printf "$does[2]%s\n" (__fish_complete_directories $path '')
    end
    printf '%s\n' $answer[2..-1]
end

complete -c bgjob -f -k -a '(__bgjob_complete)'

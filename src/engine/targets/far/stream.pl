# The log stream of a target, in perl without a module. Words: the folder of our records.
#     W UID OUT ERR   watches a job from these offsets; ERR is - without --split
#     X UID           drops it
#     L UID STREAM OFFSET LENGTH and the bytes;  E RECORD|LINE|LINE|, after all bytes: the end record and the
#     lines of `usage`;  H, every two seconds
use strict;
my ($root) = @ARGV;
my (%jobs, $active, $beat);
my $waiting = 0;
my $input = '';
($active, $beat) = (0, 0);

sub put {
    my ($bytes) = @_;
    my $done = 0;
    while ($done < length $bytes) {
        my $n = syswrite(STDOUT, $bytes, length($bytes) - $done, $done);
        exit 0 unless defined $n;
        $done += $n;
    }
}

# Sends what is new in one log, a megabyte at most; true if more is there.
sub send_log {
    my ($uid, $job, $stream) = @_;
    my $path = "$root/log/$uid" . ($stream eq 'err' ? '.err' : '');
    my $size = -s $path;
    return 0 unless defined $size && $size > $job->{$stream};
    open(my $log, '<', $path) or return 0;
    binmode $log;
    sysseek($log, $job->{$stream}, 0);
    for (1 .. 16) {
        my $n = sysread($log, my $bytes, 65536);
        return 0 unless $n;
        $active = time;
        put("L $uid $stream $job->{$stream} $n\n$bytes");
        $job->{$stream} += $n;
        return 0 if $n < 65536;
    }
    return 1;
}

# The start of the file `usage` of a job: the job may have put a FIFO there, or a file without an end.
sub used {
    my ($uid) = @_;
    my $path = "$root/job/$uid/usage";
    my $text = '';
    if (-f $path && open(my $usage, '<', $path)) { read($usage, $text, 1000) }
    $text =~ tr/\n/|/;
    return $text;
}

while (1) {
    my $ready = '';
    vec($ready, 0, 1) = 1;
    my $nap = $waiting ? 0 : !%jobs ? 2 : time - $active < 10 ? 0.1 : 0.25;
    $waiting = 0;
    if (select($ready, undef, undef, $nap) > 0) {
        exit 0 unless sysread(STDIN, $input, 65536, length $input);
        while ($input =~ s/^([^\n]*)\n//) {
            my ($verb, $uid, $out, $err) = split / /, $1;
            if ($verb eq 'W') { $jobs{$uid} = { out => $out, $err eq '-' ? () : (err => $err) } }
            if ($verb eq 'X') { delete $jobs{$uid} }
            $active = time;
        }
    }
    for my $uid (keys %jobs) {
        my $job = $jobs{$uid};
        # the end is looked at first: all bytes of before are there then
        my $record;
        if (!$job->{ended} && open(my $end, '<', "$root/end/$uid")) {
            $record = <$end>;
            $record =~ s/\s+$// if defined $record;
        }
        my $more = 0;
        for my $stream ('out', 'err') { $more += send_log($uid, $job, $stream) if defined $job->{$stream} }
        $waiting += $more;
        if (defined $record && !$more) {
            $job->{ended} = 1;
            put("E $record|" . used($uid) . "\n");
        }
    }
    if (time - $beat >= 2 || time < $beat) {
        $beat = time;
        put("H\n");
    }
}

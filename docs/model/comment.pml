/* Claim, lease, fencing and effect, for spin (docs/model/README.md says how it is run).
 *
 * Two workers, two jobs; each job is one comment, the one effect that GitHub does not make idempotent.
 * Every step of a worker is one transaction of luggage.jobs.queue or one exchange with GitHub. Between any
 * two steps time may pass, the worker may be killed or stopped, and the other worker may do anything.
 *
 * Each part of the protocol can be taken out by name: -DNO_LEASE -DNO_EXPIRY -DNO_FENCE -DNO_NOTE
 * -DNO_CAUTION -DNO_LAG -DNO_SPAN -DNO_DEADLINE -DNO_ORDER; and so can the one assumption: -DNO_BOUND.
 */

#ifndef CRASHES
#define CRASHES 3        /* kill -9 of a worker, which is started again */
#endif
#ifndef STOPS
#define STOPS 1          /* SIGSTOP of a worker, and SIGCONT at any later time */
#endif
#ifndef LOSSES
#define LOSSES 1         /* a request or an answer lost, a time-out, a 5xx, a failed look-up */
#endif
#ifndef SUBJECTS
#define SUBJECTS 1       /* 1: both jobs are about one pull request; 2: each about its own */
#endif
#ifndef LEASE
#define LEASE 2
#endif

/* Units of time. Only their order matters; each is as short as it can be. */
#define SEND    1        /* from the note to the last moment at which the request may begin */
#define ARRIVAL 1        /* from there to GitHub's writing it down: THE ASSUMPTION */
#define LAG     1        /* from GitHub's writing it down to its lists' showing it, at the most */
#define MAX_ATTEMPTS 5

/* How long a comment that may have been sent is not looked for. */
#if defined(NO_LAG)
#define LOOK_AFTER (SEND + ARRIVAL)
#elif defined(NO_SPAN)
#define LOOK_AFTER LAG                   /* counts from the note, as if sending took no time */
#else
#define LOOK_AFTER (SEND + ARRIVAL + LAG)
#endif

mtype = { READY, LEASED, DONE, DEAD };             /* a job */
mtype = { IDLE, CLAIMED, NOTING, NOTED, SENT, ANSWERED };  /* a worker: what it will do next */

/* The database: one row for each job. */
mtype state[2] = READY;
byte attempt[2], fence[2];
byte lease[2];           /* until the lease runs out; 0: it has */
bool note[2];            /* "sending" was noted */
byte look[2];            /* until a comment noted as being sent may be looked for */
bool postponed[2];       /* run_at is when it may be looked for */

/* The workers' memory, gone when they are killed. */
mtype doing[2] = IDLE;
bool stopped[2];
bit job[2];
byte token[2];           /* the fencing token of the claim */
bool saw_note[2];        /* the note, as it was when the job was claimed */
byte sendable[2];        /* until the request may not begin any more; 0: too late */

/* The network: the request of a worker about a job, which outlives the worker. */
#define REQUEST(w, j) (2 * (w) + (j))
bool underway[4];
byte travel[4];          /* until it has surely arrived */
#define FREE(w, j) (!underway[REQUEST(w, j)])    /* never false, but where a part was taken out */

/* GitHub. */
bool made[2];            /* the comment is there */
byte unseen[2];          /* until all lists surely show it */

/* What may still go wrong. */
byte crashes = CRASHES, stops = STOPS, losses = LOSSES;

/* What must never be. `holder` is who claimed the job last, and was not given up: 1 + worker, or 0. */
byte holder[2];
bool twice, late, disordered, lost;

#define HOLDS(w, j) (doing[w] != IDLE && job[w] == j && state[j] == LEASED && token[w] == fence[j])
#define RENEWS(w, j) (!stopped[w] && HOLDS(w, j))

#ifdef NO_FENCE
#define ACCEPTED(w, j) true
#else
#define ACCEPTED(w, j) (state[j] == LEASED && token[w] == fence[j])
#endif

#ifdef NO_LEASE
#define EXPIRED(j) true                  /* a claim keeps nobody away */
#elif defined(NO_EXPIRY)
#define EXPIRED(j) false                 /* a claim is for ever */
#else
#define EXPIRED(j) (lease[j] == 0)
#endif

#if SUBJECTS == 1 && !defined(NO_ORDER)
#define IN_TURN(j) (j == 0 || (state[0] != READY && state[0] != LEASED))
#else
#define IN_TURN(j) true
#endif

/* Whatever is written by a claim that was given up is a late result. */
inline accept(w, j) {
#ifndef SUFFER_LATE
	late = late || holder[j] != w + 1;
	assert(!late)
#else
	skip
#endif
}

inline forget(w) {
	doing[w] = IDLE; job[w] = 0; token[w] = 0; saw_note[w] = false; sendable[w] = 0
}

/* Queue.end of outcomes.retried and outcomes.postponed: ready again; a try that GitHub or the network spoilt is not counted. */
inline again(w, j, wait_for_it) {
	if
	:: ACCEPTED(w, j) ->
		accept(w, j);
		state[j] = READY; lease[j] = 0; holder[j] = 0; attempt[j]--; postponed[j] = wait_for_it
	:: else                              /* LeaseLost */
	fi;
	forget(w)
}

/* What was surely not sent need not be looked for: the note is taken back. */
inline unsent(w, j) {
	if
	:: ACCEPTED(w, j) -> accept(w, j); note[j] = false; look[j] = 0
	:: else                              /* LeaseLost */
	fi;
	again(w, j, false)
}

/* Queue.claim: one transaction. */
inline claim(w, j) {
	state[j] = LEASED; attempt[j]++; fence[j]++; lease[j] = LEASE; holder[j] = w + 1; postponed[j] = false;
	job[w] = j; token[w] = fence[j]; saw_note[w] = note[j]; doing[w] = CLAIMED;
	printf("worker %d claims job %d, token %d\n", w, j, token[w])
}

/* Queue.reclaim: by any worker, at any time. */
inline reclaim(w, j) {
	lease[j] = 0; holder[j] = 0;
	printf("worker %d takes job %d back: its lease ran out\n", w, j);
	if
	:: attempt[j] < MAX_ATTEMPTS -> state[j] = READY
	:: else -> state[j] = DEAD
	fi
}

#define CLAIMABLE(j) (state[j] == READY && IN_TURN(j) && !(postponed[j] && look[j] > 0))
#define RECLAIMABLE(j) (state[j] == LEASED && EXPIRED(j))
#define AT(what) (!stopped[w] && doing[w] == what)

proctype Worker(bit w) {
end:	do
	:: atomic { AT(IDLE) && CLAIMABLE(0) -> claim(w, 0) }
	:: atomic { AT(IDLE) && CLAIMABLE(1) -> claim(w, 1) }
	:: atomic { !stopped[w] && RECLAIMABLE(0) -> reclaim(w, 0) }
	:: atomic { !stopped[w] && RECLAIMABLE(1) -> reclaim(w, 1) }

	/* Was it perhaps sent before? Then look, but not before it must be visible. */
	:: atomic { AT(CLAIMED) && !saw_note[w] -> doing[w] = NOTING }
	:: atomic { AT(CLAIMED) && saw_note[w] && look[job[w]] > 0 -> again(w, job[w], true) }
	:: atomic { AT(CLAIMED) && saw_note[w] && look[job[w]] == 0 ->
		if
		:: made[job[w]] ->
			printf("worker %d looks, and adopts the comment of job %d\n", w, job[w]);
			doing[w] = ANSWERED
		:: !made[job[w]] || unseen[job[w]] > 0 ->
			printf("worker %d looks, and finds no comment of job %d\n", w, job[w]);
			doing[w] = NOTING
		:: losses > 0 -> losses--;
			printf("worker %d looks, and gets no answer\n", w);
#ifdef NO_CAUTION
			doing[w] = NOTING
#else
			again(w, job[w], false)
#endif
		fi }

	/* Queue.note, and the request may begin until SEND from now. */
	:: atomic { AT(NOTING) ->
		if
		:: ACCEPTED(w, job[w]) ->
			accept(w, job[w]);
#ifndef NO_NOTE
			note[job[w]] = true; look[job[w]] = LOOK_AFTER;
#endif
			printf("worker %d notes that it sends the comment of job %d\n", w, job[w]);
			sendable[w] = SEND + 1; doing[w] = NOTED
		:: else -> forget(w)                 /* LeaseLost */
		fi }

	/* The check of the clock. From here on the request lives a life of its own. */
	:: atomic { AT(NOTED) ->
		if
#ifdef NO_DEADLINE
		:: FREE(w, job[w]) ->
#else
		:: sendable[w] == 0 -> unsent(w, job[w])
		:: sendable[w] > 0 && FREE(w, job[w]) ->
#endif
			underway[REQUEST(w, job[w])] = true; travel[REQUEST(w, job[w])] = ARRIVAL;
			printf("worker %d sends the comment of job %d\n", w, job[w]);
			sendable[w] = 0; doing[w] = SENT
		fi }

	/* GitHub refuses it (a limit), or no connection could be made. */
	:: atomic { AT(SENT) && losses > 0 && underway[REQUEST(w, job[w])] ->
		losses--;
		printf("worker %d is told that nothing was done\n", w);
		underway[REQUEST(w, job[w])] = false; travel[REQUEST(w, job[w])] = 0;
		unsent(w, job[w]) }
	/* No answer, or a 5xx: Ambiguous. It may have been written down, or may be yet. The note stays. */
	:: atomic { AT(SENT) && losses > 0 ->
		losses--;
		printf("worker %d gets no answer\n", w);
		again(w, job[w], false) }

	/* Queue.end of outcomes.done. */
	:: atomic { AT(ANSWERED) ->
		if
		:: ACCEPTED(w, job[w]) ->
			accept(w, job[w]);
			printf("worker %d records that job %d is done\n", w, job[w]);
			state[job[w]] = DONE; lease[job[w]] = 0; holder[job[w]] = 0; look[job[w]] = 0
		:: else                              /* LeaseLost */
		fi;
		forget(w) }

	/* What is done to a worker. */
	:: atomic { crashes > 0 && doing[w] != IDLE ->
		crashes--; stopped[w] = false; forget(w); printf("worker %d is killed\n", w) }
	:: atomic { stops > 0 && AT(doing[w]) && doing[w] != IDLE ->
		stops--; stopped[w] = true; printf("worker %d is stopped\n", w) }
	:: atomic { stopped[w] -> stopped[w] = false; printf("worker %d continues\n", w) }
	od
}

/* A request arrives, and the comment is there; whether anybody still waits for the answer or not. */
inline arrive(r, w, j) {
	underway[r] = false; travel[r] = 0;
	printf("GitHub writes the comment of job %d, sent by worker %d\n", j, w);
	twice = twice || made[j];
	assert(!twice);
#if SUBJECTS == 1
	disordered = disordered || (j == 1 && !made[0] && state[0] != DEAD);
	assert(!disordered);
#endif
	made[j] = true; unseen[j] = LAG;
	if
	:: doing[w] == SENT && job[w] == j -> doing[w] = ANSWERED
	:: else
	fi
}

/* A request whose sender is gone may also never have left. */
#define ORPHAN(w, j) (doing[w] != SENT || job[w] != j)

proctype Network() {
end:	do
	:: atomic { underway[0] -> arrive(0, 0, 0) }
	:: atomic { underway[1] -> arrive(1, 0, 1) }
	:: atomic { underway[2] -> arrive(2, 1, 0) }
	:: atomic { underway[3] -> arrive(3, 1, 1) }
	:: d_step { underway[0] && ORPHAN(0, 0) -> underway[0] = false; travel[0] = 0 }
	:: d_step { underway[1] && ORPHAN(0, 1) -> underway[1] = false; travel[1] = 0 }
	:: d_step { underway[2] && ORPHAN(1, 0) -> underway[2] = false; travel[2] = 0 }
	:: d_step { underway[3] && ORPHAN(1, 1) -> underway[3] = false; travel[3] = 0 }
	od
}

#define LESS(x) x = (x > 0 -> x - 1 : 0)

/* A worker that runs renews its lease; one that was killed or stopped does not. */
#define RENEWED(j) (RENEWS(0, j) || RENEWS(1, j))
#define NEXT_LEASE(j) (RENEWED(j) -> LEASE : (lease[j] > 0 -> lease[j] - 1 : 0))

/* Only time that changes something passes: so that each run comes to an end. */
#define PENDING (look[0] + look[1] + unseen[0] + unseen[1] + sendable[0] + sendable[1] \
	+ travel[0] + travel[1] + travel[2] + travel[3] > 0 \
	|| lease[0] != NEXT_LEASE(0) || lease[1] != NEXT_LEASE(1))

/* Time does not outrun a request: it arrives within ARRIVAL, or never. */
#ifdef NO_BOUND
#define IN_TIME(r) true
#else
#define IN_TIME(r) (!underway[r] || travel[r] > 0)
#endif
/* Nor a worker that runs: only one that was stopped finds that it is too late to send. */
#define PROMPT(w) (stopped[w] || doing[w] != NOTED || sendable[w] != 1)

proctype Time() {
end:	do
	:: d_step { PENDING && IN_TIME(0) && IN_TIME(1) && IN_TIME(2) && IN_TIME(3) && PROMPT(0) && PROMPT(1) ->
		printf("time passes\n");
		lease[0] = NEXT_LEASE(0); lease[1] = NEXT_LEASE(1);
		LESS(look[0]); LESS(look[1]); LESS(unseen[0]); LESS(unseen[1]); LESS(sendable[0]); LESS(sendable[1]);
		LESS(travel[0]); LESS(travel[1]); LESS(travel[2]); LESS(travel[3]) }
	od
}

/* When nothing more can happen, everything has been done. */
proctype Judge() {
	timeout ->
	lost = state[0] != DONE || state[1] != DONE || !made[0] || !made[1];
	assert(!lost)
}

init { atomic { run Worker(0); run Worker(1); run Network(); run Time(); run Judge() } }

package quota

import (
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
)

// slowTable gets a connection and answers after some time each.
type slowTable struct {
	Table
	connects, answers time.Duration

	asked, most atomic.Int64 // at once: now, and at most
}

func (s *slowTable) UpdateItem(ctx context.Context, _ *aws.UpdateItemInput, _ ...func(*aws.Options)) (*aws.UpdateItemOutput, error) {
	if now := s.asked.Add(1); now > s.most.Load() {
		s.most.Store(now)
	}
	defer s.asked.Add(-1)
	time.Sleep(s.connects)
	if trace := httptrace.ContextClientTrace(ctx); trace != nil { // not of a write that ends a lease
		trace.GotConn(httptrace.GotConnInfo{})
	}
	time.Sleep(s.answers)
	return &aws.UpdateItemOutput{}, ctx.Err()
}

func TestTheTablesTimeCountsFromItsConnection(t *testing.T) {
	for name, c := range map[string]struct {
		table   *slowTable
		canWait bool
		took    time.Duration // 0: the table answers in time
	}{
		"a slow connection and a fast answer":        {&slowTable{connects: 1900 * time.Millisecond, answers: 250 * time.Millisecond}, false, 0},
		"a fast connection and a slow answer":        {&slowTable{connects: 10 * time.Millisecond, answers: 350 * time.Millisecond}, false, 310 * time.Millisecond},
		"no connection":                              {&slowTable{connects: 3 * time.Second}, false, connectTimeout},
		"a slow answer to a refresh that can wait":   {&slowTable{connects: 10 * time.Millisecond, answers: 1900 * time.Millisecond}, true, 0},
		"a slower answer to a refresh that can wait": {&slowTable{connects: 10 * time.Millisecond, answers: 2100 * time.Millisecond}, true, 2010 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := NewDynamo(hour, func() (Table, error) { return c.table, nil }, "t")
				began := time.Now()
				decision, err := d.Enter(t.Context(), refresh.Entry{UserID: user, Until: time.Now().Add(time.Minute), CanWait: c.canWait})
				took := time.Since(began)
				switch {
				case c.took == 0 && (err != nil || decision.Kind != refresh.Granted):
					t.Errorf("the decision is %v (%v)", decision.Kind, err)
				case c.took > 0 && (err == nil || took != c.took):
					t.Errorf("given up after %v (%v), want %v", took, err, c.took)
				}
				time.Sleep(time.Minute) // what goes on in the background ends
			})
		})
	}
}

func TestFewQuestionsAreAskedAtOnceAndTheOthersWaitWithoutBeingLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &slowTable{answers: 250 * time.Millisecond}
		d := NewDynamo(hour, func() (Table, error) { return table, nil }, "t")
		var group sync.WaitGroup
		for range 10 * maxQuestions {
			group.Go(func() {
				if _, err := d.Enter(t.Context(), refresh.Entry{UserID: user, Until: time.Now().Add(time.Minute)}); err != nil {
					t.Errorf("late: %v", err)
				}
			})
		}
		group.Wait()
		if most := table.most.Load(); most != maxQuestions {
			t.Errorf("%d questions at once, want %d", most, maxQuestions)
		}
	})
}

func TestAQuestionThatWaitsForOthersEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDynamo(hour, func() (Table, error) { return &slowTable{connects: 30 * time.Second}, nil }, "t")
		for range maxQuestions {
			go func() { _, _ = d.Enter(t.Context(), refresh.Entry{UserID: user, Until: time.Now().Add(time.Minute)}) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := d.Enter(ctx, refresh.Entry{UserID: user, Until: time.Now().Add(time.Minute)}); err == nil || time.Since(began) != time.Second {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
		time.Sleep(time.Minute)
	})
}

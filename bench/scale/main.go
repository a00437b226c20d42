// Command scale prints the tables of docs/scale.md: how many users per hour can be refreshed through the queue, what a
// million refreshes cost, which limit is reached first, and what the alternatives cost. The tables are computed:
// prices.go and limits.go have the numbers with their sources, and model.go the formulas. A test checks that
// docs/scale.md has the tables that are printed here.
//
// With -function it measures a built function instead.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	function := flag.String("function", "", "measure this built function instead: go run ./bench/scale -function bin/bootstrap")
	flag.Parse()
	if *function != "" {
		if err := printMeasured(*function); err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
		return
	}
	for _, t := range []table{
		users(), perMillion(), services(), looks(), usersPerInvocation(), teams(), limits(), alternatives(), atRest(), metrics(), failures(),
	} {
		fmt.Print(t.markdown())
	}
}

// table is a table of docs/scale.md. It is printed between two comments, with which it is found on the page.
type table struct {
	name string
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- scale: %s -->\n| %s |\n|%s\n", t.name, strings.Join(t.head, " | "), strings.Repeat(" --- |", len(t.head)))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	b.WriteString("<!-- end -->\n")
	return b.String()
}

// dollars formats an amount to the cent.
func dollars(amount float64) string { return fmt.Sprintf("$%.2f", amount) }

// rounded formats a number with three significant digits and commas: 35,300.
func rounded(n float64) string {
	unit := 1.0
	for n/unit >= 1000 {
		unit *= 10
	}
	return commas(int(n/unit+0.5) * int(unit))
}

// commas formats a number with commas: 1,000.
func commas(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// duration formats a time in a readable unit.
func duration(seconds float64) string {
	switch {
	case seconds < 2*60:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 2*hour:
		return fmt.Sprintf("%.0f min", seconds/60)
	default:
		return fmt.Sprintf("%.1f h", seconds/hour)
	}
}

// printMeasured prints the processor time and memory that batches of several sizes need, without the start of the
// process. The share of a processor depends on the memory:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
func printMeasured(function string) error {
	start, err := measure(function, 1)
	if err != nil {
		return err
	}
	fmt.Println("batch  processor, first batch  later ones  memory  first batch at 128 MB   256 MB   512 MB  1024 MB")
	for _, batch := range []int{10, 50, 100, 200, 400} {
		m, err := measure(function, batch)
		if err != nil {
			return err
		}
		first := m.cold - start.cold
		at := func(mb float64) string {
			return fmt.Sprintf("%.2f s", first.Seconds()*max(1, wholeProcessor/mb))
		}
		fmt.Printf("%5d  %19.0f ms  %7.0f ms  %2.0f MiB  %21s  %7s  %7s  %7s\n", batch, first.Seconds()*1000, m.warm.Seconds()*1000, m.rss,
			at(128), at(256), at(512), at(1024))
	}
	return nil
}

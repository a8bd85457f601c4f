package ptp

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestLeastSquaresAgreesWithALibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := 1; n <= unknowns; n++ {
		const measurements = 20
		var l leastSquares
		a, b := mat.NewDense(measurements, n, nil), mat.NewVecDense(measurements, nil)
		for i := range measurements {
			var by row
			for j := range n {
				by[j] = r.NormFloat64()
				a.Set(i, j, by[j])
			}
			b.SetVec(i, r.NormFloat64())
			l.add(&by, b.AtVec(i), 1)
		}
		got, ok := l.solve(n)
		if !ok {
			t.Fatalf("%d unknowns: no solution", n)
		}
		var want, rest mat.VecDense
		if err := want.SolveVec(a, b); err != nil {
			t.Fatal(err)
		}
		for j := range n {
			if math.Abs(got[j]-want.AtVec(j)) > 1e-9 {
				t.Errorf("%d unknowns: number %d is %v, want %v", n, j, got[j], want.AtVec(j))
			}
		}
		rest.MulVec(a, &want)
		rest.SubVec(b, &rest)
		if got, want := l.explained(), mat.Dot(b, b)-mat.Dot(&rest, &rest); math.Abs(got-want) > 1e-9 {
			t.Errorf("%d unknowns: %v explained, want %v", n, got, want)
		}
		var normal, inverse mat.Dense
		normal.Mul(a.T(), a)
		if err := inverse.Inverse(&normal); err != nil {
			t.Fatal(err)
		}
		share, v := row{}, 0.0
		for i := range n {
			share[i] = r.NormFloat64()
		}
		for i := range n {
			for j := range n {
				v += share[i] * share[j] * inverse.At(i, j)
			}
		}
		if got := l.variance(share); math.Abs(got-v) > 1e-9*v {
			t.Errorf("%d unknowns: variance %v, want %v", n, got, v)
		}
	}
}

func TestLeastSquaresKnowsWhatCannotBeTold(t *testing.T) {
	var same, none leastSquares
	for i := range 10 {
		x := float64(i)
		same.add(&row{1, x, 2 * x}, x, 1)
	}
	if x, ok := same.solve(3); ok {
		t.Errorf("two unknowns that always come together are %v", x)
	}
	if x, ok := none.solve(1); ok {
		t.Errorf("of no measurement: %v", x)
	}
	none.add(&row{math.NaN()}, 1, 1)
	if x, ok := none.solve(1); ok {
		t.Errorf("of NaN: %v", x)
	}
}

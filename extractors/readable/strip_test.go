package readable

import "testing"

func TestFurnitureLines(t *testing.T) {
	s := &stripper{allowed: map[string]bool{"admin": true}}
	tests := []struct {
		line string
		want bool
	}{
		{"기사입력 :[ 2018-08-25 15:24 ]", true},
		{"입력 2025.11.03 09:12 | 수정 2025.11.03 10:40", true},
		{"Posted on 30 Maret 2015 by Admin", true},
		{"12 Agustus 2025, 10:15", true},
		{"November 20, 2019", true},
		{"On 25 August 2018 the ministry said no.", false},
		{"기사입력 시스템은 2018-08-25 15:24 에 멈췄다", false},
	}
	for _, tt := range tests {
		if got := s.isFurniture(tt.line); got != tt.want {
			t.Errorf("isFurniture(%q) = %v, want %v", tt.line, got, tt.want)
		}
	}
}

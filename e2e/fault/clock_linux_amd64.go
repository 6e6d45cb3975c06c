package fault

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// SetClock sets the wall clock of a running process ahead of the true one, or
// behind it. Its monotonic clock stays. A Go program reads the clock in the
// vDSO, the piece of code that the kernel maps into every process, so a library
// to be preloaded does not reach it, and time namespaces shift monotonic clocks
// only. SetClock stops the process and writes a clock_gettime of our own over
// the vDSO's, in this process alone: the system call, then an addition.
func SetClock(process *os.Process, ahead time.Duration) error {
	image, offset, err := clockGettime()
	if err != nil {
		return err
	}
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	defer process.Signal(syscall.SIGCONT) //nolint:errcheck // A process that has ended needs none.
	start, end, err := vdso(process.Pid)
	if err != nil {
		return err
	}
	if err := waitOutside(process, start, end); err != nil {
		return err
	}
	//nolint:gosec // The path is made of a number.
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", process.Pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	code := clockCode(ahead)
	if int(offset)+len(code) > len(image) {
		return errors.New("the vDSO ends too early")
	}
	if _, err := mem.WriteAt(code, int64(start+offset)); err != nil {
		return fmt.Errorf("write the vDSO: %w", err)
	}
	return nil
}

// clockCode is clock_gettime(2) with seconds added to CLOCK_REALTIME.
func clockCode(ahead time.Duration) []byte {
	code := []byte{
		0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
		0x0f, 0x05, // syscall; edi and rsi keep the arguments
		0x85, 0xff, // test edi, edi: CLOCK_REALTIME is 0
		0x75, 7, // jne to the ret
		0x48, 0x81, 0x06, // add qword [rsi], seconds
	}
	code = binary.LittleEndian.AppendUint32(code, uint32(int32(ahead/time.Second)))
	return append(code, 0xc3) // ret
}

// clockGettime returns the vDSO and where in it the function starts.
func clockGettime() (image []byte, offset uint64, err error) {
	start, end, err := vdso(os.Getpid())
	if err != nil {
		return nil, 0, err
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, 0, err
	}
	defer mem.Close()
	image = make([]byte, end-start)
	if _, err := mem.ReadAt(image, int64(start)); err != nil {
		return nil, 0, err
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, 0, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return image, s.Value, nil
		}
	}
	return nil, 0, errors.New("the vDSO has no clock_gettime")
}

// vdso returns the addresses between which the process has its vDSO.
func vdso(pid int) (start, end uint64, err error) {
	//nolint:gosec // The path is made of a number.
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &start, &end)
			return start, end, err
		}
	}
	return 0, 0, fmt.Errorf("process %d has no vDSO", pid)
}

// waitOutside waits until all threads of the stopped process stand still
// outside the addresses: a thread inside would continue in the middle of other
// code. It lets the process run for a moment between tries.
func waitOutside(process *os.Process, start, end uint64) error {
	for range 1000 {
		inside, err := runningOrInside(process.Pid, start, end)
		if err != nil {
			return err
		}
		if !inside {
			return nil
		}
		if err := errors.Join(process.Signal(syscall.SIGCONT), process.Signal(syscall.SIGSTOP)); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // For the signal to reach all threads; looked at again above.
	}
	return errors.New("a thread never leaves the vDSO")
}

// runningOrInside reads /proc/<pid>/task/*/syscall, which is "running", or ends
// with the program counter of a thread that stands still.
func runningOrInside(pid int, start, end uint64) (bool, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return false, err
	}
	for _, t := range threads {
		//nolint:gosec // The kernel's own names.
		b, err := os.ReadFile(tasks + "/" + t.Name() + "/syscall")
		if err != nil {
			return false, err
		}
		fields := strings.Fields(string(b))
		if len(fields) < 2 {
			return true, nil
		}
		pc, err := strconv.ParseUint(fields[len(fields)-1], 0, 64)
		if err != nil || pc >= start && pc < end {
			return true, err
		}
	}
	return false, nil
}

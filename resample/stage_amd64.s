#include "textflag.h"

// The inner loops of stage.go for amd64. A point is 24 bytes: start, phase,
// rest; a bankRow is 4 * 24 float64, 768 bytes; a blended is 192 bytes.

// func foldAVX2(dst, in, k *float64, frames, taps, last int)
//
// 12 frames at a time. Taps go by their rest modulo 4: the next one of a rest sees
// the same samples four further on, so of the six vectors of samples only two
// are loaded for each. Even and odd steps have sums of their own, so that six of
// them hide the latency of FMA. What is left of a batch is its last 12 frames
// once more, some of them a second time; batches of fewer go by 4 likewise, or
// by 1. Each frame's sum goes through the taps in the same order.
//
//	AX  frames of the batch    R8   taps          R12  coefficient
//	CX  frames left            R9   last          R13  steps left of this rest
//	DX  k                      R10  a: in[j+i]    BX   the rest, 0 to 3
//	                           R11  b: in[j+last-i]
TEXT ·foldAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ k+16(FP), DX
	MOVQ frames+24(FP), CX
	MOVQ CX, AX
	MOVQ taps+32(FP), R8
	MOVQ last+40(FP), R9

twelve:
	CMPQ  CX, $12
	JGE   twelveFrames
	TESTQ CX, CX
	JZ    done
	CMPQ  AX, $12
	JLT   four
	MOVQ  $12, BX
	SUBQ  CX, BX
	SHLQ  $3, BX
	SUBQ  BX, DI
	SUBQ  BX, SI
	MOVQ  $12, CX

twelveFrames:
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	XORQ   BX, BX

twelveRest:
	// steps of this rest: (taps - rest + 3) / 4
	MOVQ R8, R13
	SUBQ BX, R13
	ADDQ $3, R13
	SHRQ $2, R13
	LEAQ (DX)(BX*8), R12
	LEAQ (SI)(BX*8), R10
	MOVQ R9, R11
	SUBQ BX, R11
	LEAQ (SI)(R11*8), R11
	CMPQ R13, $6
	JLT  twelveLeft
	VMOVUPD (R10), Y6
	VMOVUPD 32(R10), Y7
	VMOVUPD 64(R10), Y8
	VMOVUPD (R11), Y9
	VMOVUPD 32(R11), Y10
	VMOVUPD 64(R11), Y11

twelveSix:
	VBROADCASTSD (R12), Y12
	VADDPD       Y9, Y6, Y13
	VADDPD       Y10, Y7, Y14
	VADDPD       Y11, Y8, Y15
	VMOVUPD      96(R10), Y6
	VMOVUPD      -32(R11), Y11
	VFMADD231PD  Y12, Y13, Y0
	VFMADD231PD  Y12, Y14, Y1
	VFMADD231PD  Y12, Y15, Y2
	VBROADCASTSD 32(R12), Y12
	VADDPD       Y11, Y7, Y13
	VADDPD       Y9, Y8, Y14
	VADDPD       Y10, Y6, Y15
	VMOVUPD      128(R10), Y7
	VMOVUPD      -64(R11), Y10
	VFMADD231PD  Y12, Y13, Y3
	VFMADD231PD  Y12, Y14, Y4
	VFMADD231PD  Y12, Y15, Y5
	VBROADCASTSD 64(R12), Y12
	VADDPD       Y10, Y8, Y13
	VADDPD       Y11, Y6, Y14
	VADDPD       Y9, Y7, Y15
	VMOVUPD      160(R10), Y8
	VMOVUPD      -96(R11), Y9
	VFMADD231PD  Y12, Y13, Y0
	VFMADD231PD  Y12, Y14, Y1
	VFMADD231PD  Y12, Y15, Y2
	VBROADCASTSD 96(R12), Y12
	VADDPD       Y9, Y6, Y13
	VADDPD       Y10, Y7, Y14
	VADDPD       Y11, Y8, Y15
	VMOVUPD      192(R10), Y6
	VMOVUPD      -128(R11), Y11
	VFMADD231PD  Y12, Y13, Y3
	VFMADD231PD  Y12, Y14, Y4
	VFMADD231PD  Y12, Y15, Y5
	VBROADCASTSD 128(R12), Y12
	VADDPD       Y11, Y7, Y13
	VADDPD       Y9, Y8, Y14
	VADDPD       Y10, Y6, Y15
	VMOVUPD      224(R10), Y7
	VMOVUPD      -160(R11), Y10
	VFMADD231PD  Y12, Y13, Y0
	VFMADD231PD  Y12, Y14, Y1
	VFMADD231PD  Y12, Y15, Y2
	VBROADCASTSD 160(R12), Y12
	VADDPD       Y10, Y8, Y13
	VADDPD       Y11, Y6, Y14
	VADDPD       Y9, Y7, Y15
	VMOVUPD      256(R10), Y8
	VMOVUPD      -192(R11), Y9
	VFMADD231PD  Y12, Y13, Y3
	VFMADD231PD  Y12, Y14, Y4
	VFMADD231PD  Y12, Y15, Y5
	ADDQ         $192, R10
	SUBQ         $192, R11
	ADDQ         $192, R12
	SUBQ         $6, R13
	CMPQ         R13, $6
	JGE          twelveSix

twelveLeft:
	TESTQ R13, R13
	JZ    twelveNext

twelveTwo:
	VBROADCASTSD (R12), Y12
	VMOVUPD      (R10), Y13
	VADDPD       (R11), Y13, Y13
	VFMADD231PD  Y12, Y13, Y0
	VMOVUPD      32(R10), Y14
	VADDPD       32(R11), Y14, Y14
	VFMADD231PD  Y12, Y14, Y1
	VMOVUPD      64(R10), Y15
	VADDPD       64(R11), Y15, Y15
	VFMADD231PD  Y12, Y15, Y2
	ADDQ         $32, R10
	SUBQ         $32, R11
	ADDQ         $32, R12
	DECQ         R13
	JZ           twelveNext
	VBROADCASTSD (R12), Y12
	VMOVUPD      (R10), Y13
	VADDPD       (R11), Y13, Y13
	VFMADD231PD  Y12, Y13, Y3
	VMOVUPD      32(R10), Y14
	VADDPD       32(R11), Y14, Y14
	VFMADD231PD  Y12, Y14, Y4
	VMOVUPD      64(R10), Y15
	VADDPD       64(R11), Y15, Y15
	VFMADD231PD  Y12, Y15, Y5
	ADDQ         $32, R10
	SUBQ         $32, R11
	ADDQ         $32, R12
	DECQ         R13
	JNZ          twelveTwo

twelveNext:
	INCQ BX
	CMPQ BX, $4
	JLT  twelveRest
	VADDPD  Y3, Y0, Y0
	VMOVUPD Y0, (DI)
	VADDPD  Y4, Y1, Y1
	VMOVUPD Y1, 32(DI)
	VADDPD  Y5, Y2, Y2
	VMOVUPD Y2, 64(DI)
	ADDQ    $96, DI
	ADDQ    $96, SI
	SUBQ    $12, CX
	JMP     twelve

four:
	CMPQ  CX, $4
	JGE   fourFrames
	TESTQ CX, CX
	JZ    done
	CMPQ  AX, $4
	JLT   one
	MOVQ  $4, BX
	SUBQ  CX, BX
	SHLQ  $3, BX
	SUBQ  BX, DI
	SUBQ  BX, SI
	MOVQ  $4, CX

fourFrames:
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	XORQ   BX, BX

fourRest:
	// steps of this rest: (taps - rest + 3) / 4
	MOVQ R8, R13
	SUBQ BX, R13
	ADDQ $3, R13
	SHRQ $2, R13
	LEAQ (DX)(BX*8), R12
	LEAQ (SI)(BX*8), R10
	MOVQ R9, R11
	SUBQ BX, R11
	LEAQ (SI)(R11*8), R11

fourTwo:
	VBROADCASTSD (R12), Y12
	VMOVUPD      (R10), Y13
	VADDPD       (R11), Y13, Y13
	VFMADD231PD  Y12, Y13, Y0
	ADDQ         $32, R10
	SUBQ         $32, R11
	ADDQ         $32, R12
	DECQ         R13
	JZ           fourNext
	VBROADCASTSD (R12), Y12
	VMOVUPD      (R10), Y13
	VADDPD       (R11), Y13, Y13
	VFMADD231PD  Y12, Y13, Y1
	ADDQ         $32, R10
	SUBQ         $32, R11
	ADDQ         $32, R12
	DECQ         R13
	JNZ          fourTwo

fourNext:
	INCQ BX
	CMPQ BX, $4
	JLT  fourRest
	VADDPD  Y1, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $4, CX
	JMP     four

one:
	TESTQ CX, CX
	JZ    done
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	XORQ   BX, BX

oneRest:
	// steps of this rest: (taps - rest + 3) / 4
	MOVQ R8, R13
	SUBQ BX, R13
	ADDQ $3, R13
	SHRQ $2, R13
	LEAQ (DX)(BX*8), R12
	LEAQ (SI)(BX*8), R10
	MOVQ R9, R11
	SUBQ BX, R11
	LEAQ (SI)(R11*8), R11

oneTwo:
	VMOVSD      (R10), X13
	VADDSD      (R11), X13, X13
	VMOVSD      (R12), X12
	VFMADD231SD X12, X13, X0
	ADDQ         $32, R10
	SUBQ         $32, R11
	ADDQ         $32, R12
	DECQ         R13
	JZ           oneNext
	VMOVSD      (R10), X13
	VADDSD      (R11), X13, X13
	VMOVSD      (R12), X12
	VFMADD231SD X12, X13, X1
	ADDQ         $32, R10
	SUBQ         $32, R11
	ADDQ         $32, R12
	DECQ         R13
	JNZ          oneTwo

oneNext:
	INCQ BX
	CMPQ BX, $4
	JLT  oneRest
	VADDSD X1, X0, X0
	VMOVSD X0, (DI)
	ADDQ   $8, DI
	ADDQ   $8, SI
	DECQ   CX
	JMP    one

done:
	VZEROUPPER
	RET

// func sampleAVX2(lanes *lane, count int, bank *bankRow, points *point, n int)
//
// A lane is 48 bytes: the slices out and in. The 24 coefficients of a point stay
// in Y0 to Y5 for all lanes.
TEXT ·sampleAVX2(SB), NOSPLIT, $0-40
	MOVQ lanes+0(FP), DI
	MOVQ count+8(FP), R8
	MOVQ bank+16(FP), SI
	MOVQ points+24(FP), DX
	MOVQ n+32(FP), CX
	XORQ R9, R9 // the frame, in bytes

next:
	MOVQ         8(DX), R10
	IMUL3Q       $768, R10, R10
	ADDQ         SI, R10
	VBROADCASTSD 16(DX), Y15
	VMOVUPD      576(R10), Y0
	VMOVUPD      608(R10), Y1
	VMOVUPD      640(R10), Y2
	VMOVUPD      672(R10), Y3
	VMOVUPD      704(R10), Y4
	VMOVUPD      736(R10), Y5
	VFMADD213PD  384(R10), Y15, Y0
	VFMADD213PD  416(R10), Y15, Y1
	VFMADD213PD  448(R10), Y15, Y2
	VFMADD213PD  480(R10), Y15, Y3
	VFMADD213PD  512(R10), Y15, Y4
	VFMADD213PD  544(R10), Y15, Y5
	VFMADD213PD  192(R10), Y15, Y0
	VFMADD213PD  224(R10), Y15, Y1
	VFMADD213PD  256(R10), Y15, Y2
	VFMADD213PD  288(R10), Y15, Y3
	VFMADD213PD  320(R10), Y15, Y4
	VFMADD213PD  352(R10), Y15, Y5
	VFMADD213PD  (R10), Y15, Y0
	VFMADD213PD  32(R10), Y15, Y1
	VFMADD213PD  64(R10), Y15, Y2
	VFMADD213PD  96(R10), Y15, Y3
	VFMADD213PD  128(R10), Y15, Y4
	VFMADD213PD  160(R10), Y15, Y5
	MOVQ         (DX), R11
	SHLQ         $3, R11
	MOVQ         DI, R12
	MOVQ         R8, R13

nextLane:
	MOVQ         24(R12), AX
	ADDQ         R11, AX
	VMULPD       (AX), Y0, Y6
	VMULPD       32(AX), Y1, Y7
	VFMADD231PD  64(AX), Y2, Y6
	VFMADD231PD  96(AX), Y3, Y7
	VFMADD231PD  128(AX), Y4, Y6
	VFMADD231PD  160(AX), Y5, Y7
	VADDPD       Y7, Y6, Y6
	VEXTRACTF128 $1, Y6, X7
	VADDPD       X7, X6, X6
	VPERMILPD    $1, X6, X7
	VADDSD       X7, X6, X6
	MOVQ         (R12), BX
	VMOVSD       X6, (BX)(R9*1)
	ADDQ         $48, R12
	DECQ         R13
	JNZ          nextLane
	ADDQ         $24, DX
	ADDQ         $8, R9
	DECQ         CX
	JNZ          next
	VZEROUPPER
	RET

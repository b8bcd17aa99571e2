#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""extract_vmlinux.py BZIMAGE OUT: the ELF kernel inside an x86 bzImage, which spares the emulated processor the
decompression. The header's fields: the kernel's Documentation/arch/x86/boot.rst."""
import lzma
import struct
import subprocess
import sys


def main():
    with open(sys.argv[1], 'rb') as file:
        image = file.read()
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from('<II', image, 0x248)  # payload_offset, payload_length
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if payload.startswith(b'\xfd7zXZ\0'):
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b'\x28\xb5\x2f\xfd'):  # its last four bytes are the size
        kernel = subprocess.run(['zstd', '-dcq'], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    elif payload.startswith(b'\x02\x21\x4c\x18'):  # lz4 takes the size for a cut-off block and ends with an error
        kernel = subprocess.run(['lz4', '-dc'], input=payload[:-4], stdout=subprocess.PIPE, check=False).stdout
    else:
        sys.exit('extract_vmlinux: unknown compression')
    if not kernel.startswith(b'\x7fELF'):
        sys.exit('extract_vmlinux: no ELF inside')
    with open(sys.argv[2], 'wb') as file:
        file.write(kernel)


main()

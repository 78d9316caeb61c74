// A stream FIFO of four 100-bit words with their last flags; used to test the harness itself.
`default_nettype none
module wide_fifo (
    input  wire         clk,
    input  wire         rst,
    input  wire         in_valid,
    output wire         in_ready,
    input  wire [99:0]  in_data,
    input  wire         in_last,
    output wire         out_valid,
    input  wire         out_ready,
    output wire [99:0]  out_data,
    output wire         out_last,
    output wire [2:0]   level
);
    reg [2:0] head;
    reg [2:0] tail;

    fifo_store u_store (
        .clk   (clk),
        .push  (in_valid && in_ready),
        .waddr (head[1:0]),
        .raddr (tail[1:0]),
        .wdata ({in_last, in_data}),
        .rdata ({out_last, out_data})
    );

    assign level     = head - tail;
    assign in_ready  = level != 3'd4;
    assign out_valid = head != tail;

    always @(posedge clk) begin
        if (rst) begin
            head <= 3'd0;
            tail <= 3'd0;
        end else begin
            if (in_valid && in_ready) head <= head + 3'd1;
            if (out_valid && out_ready) tail <= tail + 3'd1;
        end
    end
endmodule
`default_nettype wire
